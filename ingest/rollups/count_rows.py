"""Rows of CLICK_COUNTS while they are grouped: the month as a number, words as codes."""

from __future__ import annotations

import polars as pl

from analytics_core.slots import time_column
from analytics_core.store.lake_tables import CLICK_COUNTS


def with_month(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds the UTC month of `slot`, as the number of months since the year 0."""
    at = time_column("slot")
    return rows.with_columns(month=at.dt.year() * 12 + at.dt.month() - 1)


def as_counts(grouped: pl.DataFrame, grain: str) -> pl.DataFrame:
    """CLICK_COUNTS rows of one grain: codes turned back into words, columns that the grain does not have null."""
    if grouped.is_empty():  # Polars replaces nothing by nothing and keeps the type, whatever `return_dtype` says
        return pl.DataFrame(schema=CLICK_COUNTS.schema)
    months: list[int] = grouped["month"].unique().to_list()
    names = {month: f"{month // 12:04d}-{month % 12 + 1:02d}" for month in months}
    rows = grouped.with_columns(
        month=pl.col("month").replace_strict(names, return_dtype=pl.String), grain=pl.lit(grain)
    )
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None).alias(name)).cast(kind)
        for name, kind in CLICK_COUNTS.columns.items()
    )
