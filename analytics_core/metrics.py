"""METRICS: the numbers of every row of an answer, each with its one definition. One metric is one row here.

Columns of the roll-ups, files, answers, screens and docs are derived from these rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["count", "money"]
Place = Literal["clicks", "attributions"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of every row.

    `name` is the word of answers and files; `attribute` that of `model.Metrics` and, unless the metric is derived, of
    the roll-up (`kept_with` says which) that adds it up. `derivation` tells how a metric that no roll-up keeps is made,
    as an expression of the other columns. Money is one exact decimal per currency. A metric that is `optional` is in
    the answer where the query shows it.
    """

    name: str
    attribute: str
    label: str
    definition: str
    kept_with: Place
    kind: Kind = "count"
    derivation: str = ""
    optional: bool = False


METRICS: Final = (
    Metric("clicks", "clicks", "Clicks", "Number of clicks.", kept_with="clicks"),
    Metric(
        "qualifiedClicks",
        "qualified_clicks",
        "Qualified",
        "Clicks without the bot clicks.",
        kept_with="clicks",
        derivation="clicks - bot_clicks",
    ),
    Metric(
        "botClicks",
        "bot_clicks",
        "Bots",
        "Clicks whose user agent is a detected bot, crawler, link previewer or HTTP library, "
        "or whose request no person has seen: a method that browsers do not navigate with, a page fetched ahead, "
        "an address in a range that an operator publishes for its bots, or a network that only checks links in mail; "
        "and clicks that an own rule of the handle names. Without those of purposes that the handle counts.",
        kept_with="clicks",
    ),
    Metric(
        "conversions",
        "conversions",
        "Conversions",
        "Accepted, de-duplicated conversions, in the dimensions of their click.",
        kept_with="attributions",
    ),
    Metric(
        "impressions",
        "impressions",
        "Impressions",
        "Accepted signals whose signalKey is intent. Only with groupBy=segment and in the funnel.",
        kept_with="attributions",
        optional=True,
    ),
    Metric(
        "revenue",
        "revenue",
        "Revenue",
        "Sum of the value of those conversions, an exact decimal. A sum over several currencies is no amount of money: "
        "revenueByCurrency always gives the split, and mixedCurrency says that there are several.",
        kept_with="attributions",
        kind="money",
    ),
)

COUNTS: Final = tuple(metric for metric in METRICS if metric.kind == "count")


def sums_of(place: Place, kind: Kind = "count") -> tuple[str, ...]:
    """The columns that the roll-up adds up, of one kind."""
    kept = (metric for metric in METRICS if not metric.derivation)
    return tuple(metric.attribute for metric in kept if metric.kept_with == place and metric.kind == kind)
