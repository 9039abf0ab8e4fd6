"""A second opinion on every breakdown: Polars over the facts alone, with its own time zone database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from analytics_core.model import NOT_TRACKED, OTHER, Filter, Query
from support.filled import VERDICTS_IN_FORCE, Click, click_frame

Counts = tuple[int, int]
Line = tuple[str, Counts, Counts | None]

_AGENTS = pl.DataFrame(
    [{"agent": agent, **verdict} for agent, verdict in VERDICTS_IN_FORCE.items()],
    schema={"agent": pl.Int64, "bot_rule": pl.String, "device": pl.String},
)


def answer(clicks: Sequence[Click], query: Query) -> list[Line]:
    """(key, (clicks, bot clicks), the same of the previous period or None), in order."""
    seen = _seen(clicks, query)
    period, before = query.period, query.period.previous()
    current = _counts(seen, query.group_by, period.from_day, period.to_day)
    previous = _counts(seen, query.group_by, before.from_day, before.to_day) if query.compare else {}
    if query.group_by == "day":
        pairs = [(f"{day:%Y%m%d}", f"{past:%Y%m%d}") for day, past in zip(period.days, before.days, strict=True)]
        keys = sorted(pairs, reverse=query.sort == "desc")
    else:
        found = sorted(current.keys() | previous.keys())
        sign = 1 if query.sort == "asc" else -1
        keys = [(key, key) for key in sorted(found, key=lambda key: sign * current.get(key, (0, 0))[0])]
    lines = [
        (key, current.get(key, (0, 0)), previous.get(past, (0, 0)) if query.compare else None) for key, past in keys
    ]
    return _folded(lines, query.limit)


def _seen(clicks: Sequence[Click], query: Query) -> pl.DataFrame:
    frame = click_frame(clicks).filter(pl.col("handle") == query.handle)
    if query.as_of is not None:
        frame = frame.filter(pl.col("learnt_at") <= query.as_of)
    judged = frame.join(_AGENTS, left_on="user_agent_id", right_on="agent", how="left").with_columns(
        is_bot=pl.col("bot_rule").is_not_null() | (pl.col("method") == "HEAD")
    )
    named = judged.select(
        "slug",
        "is_bot",
        local_day=pl.col("at").dt.convert_time_zone(query.period.timezone).dt.date(),
        day=pl.col("at").dt.convert_time_zone(query.period.timezone).dt.strftime("%Y%m%d"),
        country=pl.col("country").fill_null(NOT_TRACKED),
        referrer=pl.col("referrer").fill_null(NOT_TRACKED),
        referrerHost=pl.col("referrer_host").fill_null(pl.col("referrer")).fill_null(NOT_TRACKED),
        campaignId=pl.col("campaign_id").fill_null("(none)"),
        device=pl.when("is_bot").then(pl.lit("BOT")).otherwise(pl.col("device").fill_null(NOT_TRACKED)),
    )
    for one in query.filters:
        named = named.filter(_matches(one))
    return named


def _matches(one: Filter) -> pl.Expr:
    wanted = pl.col(one.dimension).is_in(list(one.values))
    return ~wanted if one.exclude else wanted


def _counts(seen: pl.DataFrame, group_by: str, from_day: date, to_day: date) -> dict[str, Counts]:
    rows = (
        seen.filter(pl.col("local_day").is_between(from_day, to_day))
        .group_by(group_by)
        .agg(clicks=pl.len(), bots=pl.col("is_bot").sum())
    )
    return {key: (clicks, bots) for key, clicks, bots in rows.iter_rows()}


def _folded(lines: list[Line], limit: int) -> list[Line]:
    kept, rest = lines[:limit], lines[limit:]
    if not rest:
        return lines
    compares = rest[0][2] is not None
    return [
        *kept,
        (OTHER, _sum(line[1] for line in rest), _sum(line[2] or (0, 0) for line in rest) if compares else None),
    ]


def _sum(parts: Sequence[Counts] | object) -> Counts:
    clicks = bots = 0
    for one, two in parts:  # type: ignore[attr-defined]
        clicks, bots = clicks + one, bots + two
    return clicks, bots
