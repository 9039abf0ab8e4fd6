"""Counts to rows: each key beside its previous period, every day of the range present, the rest folded, totals.

A key that only the previous period has is listed with zero clicks, and days stand beside the day at the same position,
so that the rows add up to the totals in both periods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from analytics_core.model import OTHER, Metrics, Row
from analytics_core.query.attribution_sql import Attributions, revenue_column
from analytics_core.query.resolve import Resolved

_EPOCH: Final = date(1970, 1, 1)
_NONE: Final = Metrics()


def key_rows(counts: pl.DataFrame, resolved: Resolved, attributions: Attributions) -> tuple[Row, ...]:
    """Rows of `compile_keys`. The one beyond the limit is `(other)`."""
    return tuple(
        Row(
            OTHER if row["place"] > resolved.query.limit else row["key"],
            metrics_of(row, attributions),
            metrics_of(row, attributions, "previous_") if resolved.previous else None,
        )
        for row in counts.iter_rows(named=True)
    )


def day_rows(
    counts: pl.DataFrame, resolved: Resolved, attributions: Attributions, final_through: date | None = None
) -> tuple[Row, ...]:
    """Rows of `compile_days`: one a day of the period in the asked order, those beyond the limit folded into
    `(other)`. With a funnel each says whether it is final, which `(other)` is when all its days are."""
    rows = all_day_rows(counts, resolved, attributions, final_through)
    kept, rest = rows[: resolved.query.limit], rows[resolved.query.limit :]
    if not rest:
        return rows
    folded = Row(
        OTHER,
        total(rest),
        previous_total(rest) if resolved.previous else None,
        all(row.is_final for row in rest) if resolved.query.funnel else None,
    )
    return (*kept, folded)


def all_day_rows(
    counts: pl.DataFrame, resolved: Resolved, attributions: Attributions, final_through: date | None = None
) -> tuple[Row, ...]:
    """Like `day_rows`, without a limit."""
    query = resolved.query
    found = {_EPOCH + timedelta(days=row["day"]): metrics_of(row, attributions) for row in counts.iter_rows(named=True)}
    rows = [
        Row(
            f"{day:%Y%m%d}",
            found.get(day, _NONE),
            found.get(before, _NONE) if resolved.previous else None,
            final_through is not None and day <= final_through if query.funnel else None,
        )
        for day, before in zip(query.period.days, query.period.previous().days, strict=True)
    ]
    return tuple(rows if resolved.sort == "asc" else reversed(rows))


def metrics_of(row: Mapping[str, Any], attributions: Attributions, prefix: str = "") -> Metrics:
    """The measures of one row of counts; currencies without money in it are left out."""
    clicks, bot_clicks = row[f"{prefix}clicks"], row[f"{prefix}bot_clicks"]
    if not attributions.files:
        return Metrics(clicks, bot_clicks)
    amounts = {code: row[prefix + revenue_column(place)] for place, code in enumerate(attributions.currencies)}
    return Metrics(
        clicks,
        bot_clicks,
        row[f"{prefix}conversions"],
        {code: amount for code, amount in amounts.items() if amount},
        row[f"{prefix}impressions"],
    )


def total(rows: Iterable[Row]) -> Metrics:
    return sum((row.metrics for row in rows), _NONE)


def previous_total(rows: Iterable[Row]) -> Metrics:
    return sum((row.previous or _NONE for row in rows), _NONE)
