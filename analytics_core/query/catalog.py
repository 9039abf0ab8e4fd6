"""What can be asked, as rows: METRICS with their one definition, DIMENSIONS with their columns and rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from analytics_core.errors import InvalidGroupByError
from analytics_core.model import NOT_TRACKED, SEGMENTS, Sort
from analytics_core.store.host_names import referring_name
from analytics_core.store.lake_tables import PENDING

NO_CAMPAIGN: Final = "(none)"
EVENT: Final = "event"
DEFINITIONS_VERSION: Final = "3"  # of METRICS and DIMENSIONS: raise it when a definition changes what is counted


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of every row: its name in answers and exports, and the sentence that defines it."""

    name: str
    definition: str


METRICS: Final = (
    Metric("clicks", "Number of clicks."),
    Metric("qualifiedClicks", "Clicks without the bot clicks."),
    Metric(
        "botClicks",
        "Clicks whose user agent is a detected bot, crawler, link previewer or HTTP library, "
        "or whose request no browser makes.",
    ),
    Metric("conversions", "Accepted, de-duplicated conversions, in the dimensions of their click."),
    Metric(
        "revenue",
        "Sum of the value of those conversions, an exact decimal. A sum over several currencies is no amount of money: "
        "revenueByCurrency always gives the split, and mixedCurrency says that there are several.",
    ),
    Metric(
        "impressions",
        "Accepted signals whose signalKey is intent. Only with groupBy=segment and in the funnel.",
    ),
)


def _as_it_stands(value: str) -> str:
    return value


@dataclass(frozen=True, slots=True)
class Dimension:
    """One property of a click.

    `columns` of the roll-ups hold it: the first that is not null counts, and `absent` is its value where all are null.
    `tracked` says that a log may lack it, so that it has a `trackedFrom`. `spelling` turns what a caller typed into
    the way values are stored. `values` are all that there are, where they are known.
    """

    name: str
    definition: str
    columns: tuple[str, ...]
    groups: bool = True
    filters: bool = True
    default_sort: Sort = "desc"
    tracked: bool = False
    absent: str = NOT_TRACKED
    spelling: Callable[[str], str] = _as_it_stands
    values: tuple[str, ...] = ()


DIMENSIONS: Final = {
    dimension.name: dimension
    for dimension in (
        Dimension(
            "day",
            "The day in the requested time zone; every day of the range is present, zeros included.",
            columns=("slot",),
            filters=False,
            default_sort="asc",
        ),
        Dimension("slug", "The short link.", columns=("slug",)),
        Dimension(
            "country",
            "ISO 3166-1 alpha-2 code of the viewer's country, ZZ where the log has none.",
            columns=("country",),
            tracked=True,
            spelling=str.upper,
        ),
        Dimension(
            "device",
            "MOBILE, TABLET, DESKTOP, BOT or UNKNOWN. A bot is always BOT.",
            columns=("device",),
            tracked=True,
            spelling=str.upper,
        ),
        Dimension(
            "referrer",
            "The referring domain, direct where there is none.",
            columns=("referrer",),
            tracked=True,
            spelling=str.lower,
        ),
        Dimension(
            "segment",
            f"What the visitor was when clicking: {', '.join(SEGMENTS)}. A visitor without identity, and a bot, is "
            "unknown.",
            columns=("segment",),
            absent="unknown",
            spelling=str.lower,
            values=(*SEGMENTS, PENDING),
        ),
        Dimension(
            "referrerHost",
            "The referring host without its port and a leading www., which a filter may have or leave out; where the "
            "referrer has no host, the referrer.",
            columns=("referrer_host", "referrer"),
            groups=False,
            tracked=True,
            spelling=referring_name,
        ),
        Dimension(
            "campaignId",
            f"The campaign that the link belonged to when it was clicked, {NO_CAMPAIGN} where there was none.",
            columns=("campaign_id",),
            groups=False,
            absent=NO_CAMPAIGN,
        ),
    )
}

GROUPINGS: Final = tuple(dimension.name for dimension in DIMENSIONS.values() if dimension.groups)
FILTERS: Final = tuple(dimension.name for dimension in DIMENSIONS.values() if dimension.filters)


def grouping(name: str) -> Dimension:
    """The dimension to group by. Raises InvalidGroupByError for a name that is none."""
    if name not in GROUPINGS:
        raise InvalidGroupByError(f"groupBy must be one of {', '.join(GROUPINGS)}.")
    return DIMENSIONS[name]


def tracked_dimension(name: str) -> str | None:
    """The name under which coverage keeps the dimension; None for one that every log carries."""
    dimension = DIMENSIONS[name]
    return dimension.columns[-1] if dimension.tracked else None
