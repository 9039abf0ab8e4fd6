"""What the dashboard must show for a demo world, counted from what each simulated request knows about itself.

The product's parser and classifier have no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, TypedDict, cast

import polars as pl

from ingest.demo.agent_templates import BOT, Agents
from ingest.demo.countries import load_countries
from ingest.demo.creators import Creator
from ingest.demo.requests import BUCKETS, Span
from ingest.demo.vocabulary import Vocabulary

NOT_TRACKED: Final = "(not tracked)"
_NO_COUNTRY: Final = "ZZ"
_DAY: Final = "%Y%m%d"
_ENDS: Final = {"from": "fromDay", "to": "toDay"}


class Counts(TypedDict):
    clicks: int
    qualifiedClicks: int
    botClicks: int


class HandleTruth(TypedDict):
    """`breakdowns`: groupBy → key → counts. `countryTrackedFrom`: yyyymmdd (UTC), null without such a click."""

    plan: str
    totals: Counts
    countryTrackedFrom: str | None
    breakdowns: dict[str, dict[str, Counts]]
    conversions: int
    revenue: dict[str, str]  # currency → exact decimal


class Truth(TypedDict):
    """`lines`: where every line of the world goes, under the names that `clickledger sync` prints."""

    period: dict[str, str]
    lines: dict[str, int]
    handles: dict[str, HandleTruth]


def count_truth(
    requests: pl.DataFrame,
    creators: Sequence[Creator],
    words: Vocabulary,
    agents: Agents,
    *,
    span: Span,
    country_from: int,
) -> Truth:
    buckets: dict[str, int] = dict(requests["bucket"].cast(pl.String).value_counts().iter_rows())
    clicks = _keyed(requests.filter(pl.col("bucket") == "clicks"), words, agents, country_from)
    days = _days(span)
    return {
        "period": {"fromDay": days[0], "toDay": days[-1], "timezone": "UTC"},
        "lines": {"lines": requests.height} | {bucket: buckets.get(bucket, 0) for bucket in BUCKETS},
        "handles": {
            creator.handle: _handle(creator, clicks.filter(pl.col("creator") == number), days)
            for number, creator in enumerate(creators)
        },
    }


def _keyed(clicks: pl.DataFrame, words: Vocabulary, agents: Agents, country_from: int) -> pl.DataFrame:
    """Clicks with one column a groupBy."""
    domains = [words.domains[row] for row in range(len(words.referrers.texts))]
    codes = [_NO_COUNTRY if one.code == "-" else one.code for one in load_countries()]
    return clicks.select(
        "creator",
        "is_bot",
        day=pl.from_epoch("at", "ms").dt.strftime(_DAY),
        slug=_text([path.removeprefix("/") for path in words.paths.texts], "path"),
        country=pl.when(pl.col("at") < country_from).then(pl.lit(NOT_TRACKED)).otherwise(_text(codes, "country")),
        device=pl.when("is_bot").then(pl.lit(BOT)).otherwise(_text(agents.devices, "agent")),
        referrer=_text(domains, "referrer"),
    )


def _text(texts: Sequence[str], column: str) -> pl.Expr:
    return pl.lit(pl.Series(list(texts), dtype=pl.String)).gather(pl.col(column).cast(pl.UInt32))


def _handle(creator: Creator, clicks: pl.DataFrame, days: Sequence[str]) -> HandleTruth:
    tracked = clicks.filter(pl.col("country") != NOT_TRACKED)["day"].min()
    nothing: dict[str, Counts] = {day: {"clicks": 0, "qualifiedClicks": 0, "botClicks": 0} for day in days}
    breakdowns = {name: _breakdown(clicks, name) for name in ("slug", "country", "device", "referrer")}
    return {
        "plan": creator.plan,
        "totals": _counts(clicks.height, cast(int, clicks["is_bot"].sum())),
        "countryTrackedFrom": cast(str | None, tracked),
        "breakdowns": {"day": nothing | _breakdown(clicks, "day")} | breakdowns,
        "conversions": 0,
        "revenue": {},
    }


def _breakdown(clicks: pl.DataFrame, name: str) -> dict[str, Counts]:
    counted = clicks.group_by(name).agg(clicks=pl.len(), bots=pl.col("is_bot").sum()).sort(name)
    return {key: _counts(total, bots) for key, total, bots in counted.iter_rows()}


def _counts(clicks: int, bots: int) -> Counts:
    return {"clicks": clicks, "qualifiedClicks": clicks - bots, "botClicks": bots}


def _days(span: Span) -> list[str]:
    first, last = (datetime.fromtimestamp(moment / 1000, UTC).date() for moment in (span.start, span.end - 1))
    days = pl.date_range(first, last, eager=True).dt.strftime(_DAY)
    return cast(list[str], days.to_list())


def render_truth(truth: Truth) -> str:
    """The totals and the leading rows as a table for a terminal."""
    counts = ["clicks", "qualifiedClicks", "botClicks", "conversions", "revenue"]
    header = ["handle", "plan", *counts, "country from", "top slug"]
    rows = [
        [
            handle,
            one["plan"],
            *(f"{value:,}" for value in cast(Mapping[str, int], one["totals"]).values()),
            f"{one['conversions']:,}",
            ", ".join(f"{amount} {currency}" for currency, amount in one["revenue"].items()) or "-",
            one["countryTrackedFrom"] or "-",
            _leader(one["breakdowns"]["slug"]),
        ]
        for handle, one in truth["handles"].items()
    ]
    period = truth["period"]
    lines = ", ".join(f"{name} {count:,}" for name, count in truth["lines"].items())
    shown = "&".join(f"{name}={date.fromisoformat(period[day])}" for name, day in _ENDS.items())
    return (
        f"Truth from {period['fromDay']} to {period['toDay']} (UTC)\n\n{_table([header, *rows])}\n\n{lines}\n"
        f"The dashboard shows these days with ?period=custom&{shown}&tz=utc behind its address."
    )


def _leader(breakdown: Mapping[str, Counts]) -> str:
    return max(breakdown, key=lambda key: breakdown[key]["clicks"], default="-")


def _table(rows: Sequence[Sequence[Any]]) -> str:
    widths = [max(len(str(row[place])) for row in rows) for place in range(len(rows[0]))]
    is_number = [place in (2, 3, 4, 5, 6) for place in range(len(widths))]
    return "\n".join(
        "  ".join(
            str(cell).rjust(width) if right else str(cell).ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ).rstrip()
        for row in rows
    )
