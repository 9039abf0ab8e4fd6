"""Counts to rows: each key beside its previous period, every bucket of time present, the rest folded, totals.

A key that only the previous period has is listed with zero clicks, so that the rows add up to the totals in both
periods. Buckets of time stand beside what the earlier period has in their counterparts (query/counterparts.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import polars as pl

from analytics_core.model import OTHER, Metrics, Row
from analytics_core.query.attribution_sql import Attributions, revenue_column
from analytics_core.query.resolve import Resolved
from analytics_core.query.time_keys import SLOTS_PER_HOUR, Bucket

_NONE: Final = Metrics()


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The rows, and what all of the earlier period adds up to: it may have more days than the rows have."""

    rows: tuple[Row, ...]
    previous_totals: Metrics | None


def key_rows(counts: pl.DataFrame, resolved: Resolved, attributions: Attributions) -> Breakdown:
    """Rows of `compile_keys`. The one beyond the limit is `(other)`."""
    rows = tuple(
        Row(
            OTHER if row["place"] > resolved.query.limit else row["key"],
            metrics_of(row, attributions),
            metrics_of(row, attributions, "previous_") if resolved.previous else None,
        )
        for row in counts.iter_rows(named=True)
    )
    return Breakdown(rows, previous_total(rows) if resolved.previous else None)


def bucket_rows(
    counts: pl.DataFrame, resolved: Resolved, attributions: Attributions, final_through: date | None = None
) -> Breakdown:
    """Rows of `compile_buckets`: one a bucket in the asked order, those beyond the limit folded into `(other)`. With a
    funnel each says whether its days are final, which `(other)` is when all of them are."""
    whole = all_bucket_rows(counts, resolved, attributions, final_through)
    kept, rest = whole.rows[: resolved.query.limit], whole.rows[resolved.query.limit :]
    if not rest:
        return whole
    finals = [row.is_final for row in rest if row.is_final is not None]
    hours = [row.hours for row in rest if row.hours is not None]
    folded = Row(
        OTHER,
        total(rest),
        previous_total(rest) if resolved.previous else None,
        all(finals) if finals else None,
        sum(hours, Decimal(0)) if hours else None,
    )
    return Breakdown((*kept, folded), whole.previous_totals)


def all_bucket_rows(
    counts: pl.DataFrame, resolved: Resolved, attributions: Attributions, final_through: date | None = None
) -> Breakdown:
    """Like `bucket_rows`, without a limit."""
    buckets, places = resolved.buckets, resolved.previous_places
    assert buckets is not None
    found = _in_buckets(counts, buckets.places, attributions, "")
    past = {} if places is None else _in_buckets(counts, places, attributions, "previous_")
    compared = frozenset(() if places is None else places.values())
    rows = [
        Row(
            bucket.key,
            found.get(place, _NONE),
            past.get(place, _NONE) if place in compared else None,
            _is_final(bucket, resolved, final_through),
            _hours(bucket),
        )
        for place, bucket in enumerate(buckets.all)
    ]
    totals = None
    if places is not None:
        whole = counts.drop("number").sum().row(0, named=True)
        totals = metrics_of(whole, attributions, "previous_")
    return Breakdown(tuple(rows if resolved.sort == "asc" else reversed(rows)), totals)


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


def _in_buckets(
    counts: pl.DataFrame, places: Mapping[int, int], attributions: Attributions, prefix: str
) -> dict[int, Metrics]:
    """Place → what it adds up to. Numbers of the other period, which may lie in the same frame, have no place."""
    place_of = pl.DataFrame(
        {"number": list(places), "place": list(places.values())},
        schema={"number": pl.Int64, "place": pl.Int64},
    )
    summed = counts.join(place_of, on="number").drop("number").group_by("place").sum()
    return {row["place"]: metrics_of(row, attributions, prefix) for row in summed.iter_rows(named=True)}


def _is_final(bucket: Bucket, resolved: Resolved, final_through: date | None) -> bool | None:
    if not resolved.query.funnel or bucket.last_day is None:
        return None
    return final_through is not None and bucket.last_day <= final_through


def _hours(bucket: Bucket) -> Decimal | None:
    return None if bucket.quarter_hours is None else Decimal(bucket.quarter_hours) / SLOTS_PER_HOUR
