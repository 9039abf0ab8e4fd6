"""Counts to rows: each key beside its previous period, every day of the range present, the rest folded, totals.

A key that only the previous period has is listed with zero clicks, and days stand beside the day at the same position,
so that the rows add up to the totals in both periods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

import polars as pl

from analytics_core.model import OTHER, Metrics, Row
from analytics_core.query.resolve import Resolved

_EPOCH: Final = date(1970, 1, 1)
_NONE: Final = Metrics()


def key_rows(counts: pl.DataFrame, resolved: Resolved) -> tuple[Row, ...]:
    """Rows of KEY_COUNTS. The one beyond the limit is `(other)`."""
    return tuple(
        Row(
            OTHER if place > resolved.query.limit else key,
            Metrics(clicks, bot_clicks),
            Metrics(previous_clicks, previous_bot_clicks) if resolved.previous else None,
        )
        for place, key, clicks, bot_clicks, previous_clicks, previous_bot_clicks in counts.iter_rows()
    )


def day_rows(counts: pl.DataFrame, resolved: Resolved) -> tuple[Row, ...]:
    """Rows of DAY_COUNTS: one a day of the period in the asked order, those beyond the limit folded into `(other)`."""
    rows = all_day_rows(counts, resolved)
    kept, rest = rows[: resolved.query.limit], rows[resolved.query.limit :]
    if not rest:
        return rows
    return (*kept, Row(OTHER, total(rest), previous_total(rest) if resolved.previous else None))


def all_day_rows(counts: pl.DataFrame, resolved: Resolved) -> tuple[Row, ...]:
    """Like `day_rows`, without a limit."""
    found = {_EPOCH + timedelta(days=day): Metrics(clicks, bots) for day, clicks, bots in counts.iter_rows()}
    period = resolved.query.period
    rows = [
        Row(f"{day:%Y%m%d}", found.get(day, _NONE), _before(found, before) if resolved.previous else None)
        for day, before in zip(period.days, period.previous().days, strict=True)
    ]
    return tuple(rows if resolved.sort == "asc" else reversed(rows))


def total(rows: Iterable[Row]) -> Metrics:
    return _sum(row.metrics for row in rows)


def previous_total(rows: Iterable[Row]) -> Metrics:
    return _sum(row.previous or _NONE for row in rows)


def _before(found: Mapping[date, Metrics], day: date) -> Metrics:
    return found.get(day, _NONE)


def _sum(parts: Iterable[Metrics]) -> Metrics:
    clicks = bot_clicks = 0
    for part in parts:
        clicks += part.clicks
        bot_clicks += part.bot_clicks
    return Metrics(clicks, bot_clicks)
