"""A second opinion on every breakdown: Polars over the facts alone, days by a reading of time zones of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

import polars as pl

from analytics_core.model import NOT_TRACKED, OTHER, Filter, Query
from analytics_core.store.lake_tables import MONEY, UTC_MICROSECONDS
from support import after, tzif
from support.filled import Click, Conversion, Fact, Signal, click_frame, conversion_frame, signal_frame, world_of

Money = tuple[tuple[str, Decimal], ...]
Counts = tuple[int, int, int, int, Money]  # clicks, bot clicks, conversions, impressions, revenue by currency
Line = tuple[str, Counts, Counts | None]

NONE: Counts = (0, 0, 0, 0, ())

_SEEN = {
    "at": UTC_MICROSECONDS,
    "slug": pl.String,
    "campaign_id": pl.String,
    "country": pl.String,
    "device": pl.String,
    "referrer": pl.String,
    "referrer_host": pl.String,
    "segment": pl.String,
    "clicks": pl.Int64,
    "bots": pl.Int64,
    "conversions": pl.Int64,
    "impressions": pl.Int64,
    "revenue": MONEY,
    "currency": pl.String,
}


def answer(facts: Sequence[Fact], query: Query) -> list[Line]:
    """(key, counts, the same of the previous period or None), in order."""
    seen = _seen(facts, query)
    period, before = query.period, query.period.previous()
    group_by = query.group_by or ""
    current = _counts(seen, group_by, period.from_day, period.to_day)
    previous = _counts(seen, group_by, before.from_day, before.to_day) if query.compare else {}
    if group_by == "day":
        pairs = [(f"{day:%Y%m%d}", f"{past:%Y%m%d}") for day, past in zip(period.days, before.days, strict=True)]
        keys = sorted(pairs, reverse=query.sort == "desc")
    else:
        found = sorted(current.keys() | previous.keys())
        sign = 1 if query.sort == "asc" else -1
        keys = [(key, key) for key in sorted(found, key=lambda key: sign * current.get(key, NONE)[0])]
    lines = [(key, current.get(key, NONE), previous.get(past, NONE) if query.compare else None) for key, past in keys]
    return _folded(lines, query.limit)


def known(facts: Sequence[Fact], query: Query) -> after.World:
    """The facts of the handle as they were known."""
    worlds = (
        click_frame([one for one in facts if isinstance(one, Click)]),
        conversion_frame([one for one in facts if isinstance(one, Conversion)]),
        signal_frame([one for one in facts if isinstance(one, Signal)]),
    )
    return world_of(*(_known(frame, query) for frame in worlds))


def _known(frame: pl.DataFrame, query: Query) -> pl.DataFrame:
    of_handle = frame.filter(pl.col("handle") == query.handle)
    return of_handle if query.as_of is None else of_handle.filter(pl.col("learnt_at") <= query.as_of)


def _seen(facts: Sequence[Fact], query: Query) -> pl.DataFrame:
    world = known(facts, query)
    segments = world.segments()
    clicks = [
        {
            **{name: click.get(name) for name in _SEEN},
            "segment": segments[click["handle"], click["event_id"]],
            "clicks": 1,
            "bots": int(click["is_bot"]),
            "conversions": 0,
            "impressions": 0,
            "revenue": Decimal(0),
        }
        for click in world.judged
    ]
    clicked = {one["conversion_id"]: one["clicked_at"] for one in world.conversions} | {
        one["signal_id"]: one["clicked_at"] for one in world.signals
    }
    followed = [
        {
            **{name: row.get(name) for name in _SEEN},
            "at": (query.conversion_day == "click" and clicked[row["event_id"]]) or row["at"],
            "clicks": 0,
            "bots": 0,
        }
        for row in world.attributions()
        if row["conversions"] or query.shows_impressions
    ]
    seen = pl.DataFrame([*clicks, *followed], schema=_SEEN)
    named = seen.select(
        "slug",
        "segment",
        "clicks",
        "bots",
        "conversions",
        "impressions",
        "revenue",
        "currency",
        local_day=pl.lit(_local_days(seen["at"], query.period.timezone)),
        country=pl.col("country").fill_null(NOT_TRACKED),
        referrer=pl.col("referrer").fill_null(NOT_TRACKED),
        referrerHost=pl.col("referrer_host").fill_null(pl.col("referrer")).fill_null(NOT_TRACKED),
        campaignId=pl.col("campaign_id").fill_null("(none)"),
        campaign=pl.col("campaign_id").fill_null("(none)"),
        device=pl.col("device").fill_null(NOT_TRACKED),
    )
    named = named.with_columns(pl.col("slug").fill_null(NOT_TRACKED), day=pl.col("local_day").dt.strftime("%Y%m%d"))
    for one in query.filters:
        named = named.filter(_matches(one))
    return named


def _local_days(at: pl.Series, timezone: str) -> pl.Series:
    days = tzif.offsets(tzif.content(timezone)).local_days(at.dt.epoch("s").to_numpy())
    return pl.Series(days.astype("int32")).cast(pl.Date)


def _matches(one: Filter) -> pl.Expr:
    wanted = pl.col(one.dimension).is_in(list(one.values))
    return ~wanted if one.exclude else wanted


def _counts(seen: pl.DataFrame, group_by: str, from_day: date, to_day: date) -> dict[str, Counts]:
    here = seen.filter(pl.col("local_day").is_between(from_day, to_day))
    money: dict[str, list[tuple[str, Decimal]]] = {}
    amounts = here.filter(pl.col("currency").is_not_null()).group_by(group_by, "currency").agg(pl.col("revenue").sum())
    for key, currency, amount in amounts.sort("currency").iter_rows():
        if amount:
            money.setdefault(key, []).append((currency, amount))
    rows = here.group_by(group_by).agg(pl.col("clicks", "bots", "conversions", "impressions").sum())
    return {key: (*counts, tuple(money.get(key, ()))) for key, *counts in rows.iter_rows()}  # type: ignore[misc]


def _folded(lines: list[Line], limit: int) -> list[Line]:
    kept, rest = lines[:limit], lines[limit:]
    if not rest:
        return lines
    compares = rest[0][2] is not None
    return [
        *kept,
        (OTHER, _sum(line[1] for line in rest), _sum(line[2] or NONE for line in rest) if compares else None),
    ]


def _sum(parts: Iterable[Counts]) -> Counts:
    totals, money = [0, 0, 0, 0], dict[str, Decimal]()
    for *counts, amounts in parts:
        totals = [one + two for one, two in zip(totals, counts, strict=True)]  # type: ignore[operator]
        for code, amount in amounts:  # type: ignore[union-attr]
            money[code] = money.get(code, Decimal(0)) + amount
    return (*totals, tuple(sorted(money.items())))  # type: ignore[return-value]
