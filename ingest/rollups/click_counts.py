"""Roll-ups as a pure function of facts: clicks and the verdicts on their user agents in, counts and coverage out."""

from __future__ import annotations

import polars as pl

from analytics_core.dimensions import CUBE, CUBE_COLUMNS, TRACKED_COLUMNS
from analytics_core.metrics import sums_of
from analytics_core.slots import SLOTS_PER_DAY, slot_column, time_column
from analytics_core.store.lake_tables import CLICK_COUNTS, COVERAGE
from analytics_core.store.request_rules import request_rule
from ingest.rollups.packed_keys import coded, group_sorted

QUARTER_HOUR = "quarter_hour"
DAY = "day"

_KEYS = ["handle", "slot", *CUBE_COLUMNS]
_WORDS = [name for name in _KEYS if name != "slot"]
_ORDER = ["month", *_KEYS]  # of rows in files: readers prune by handle and slot
_SUMS = [pl.col(name).sum() for name in sums_of("clicks")]
_NOT_OF_DAYS = [one.column for one in CUBE if one.quarter_hours_only]


def judge(clicks: pl.LazyFrame, verdicts: pl.LazyFrame) -> pl.LazyFrame:
    """Adds `bot_rule` (null: a person) and `device` (null: the log carried no user agent) to clicks.

    `verdicts` holds one row a user agent: user_agent_id, bot_rule, device. Its rule goes before that of the request.
    """
    judged = clicks.join(verdicts.select("user_agent_id", "bot_rule", "device"), on="user_agent_id", how="left")
    return judged.with_columns(bot_rule=pl.coalesce("bot_rule", request_rule())).with_columns(
        device=pl.when(pl.col("bot_rule").is_not_null()).then(pl.lit("BOT")).otherwise("device")
    )


def count_clicks(judged: pl.LazyFrame) -> pl.DataFrame:
    """CLICK_COUNTS rows of judged clicks with their `segment`, both grains, one row a key, in the order of files."""
    is_bot = pl.col("bot_rule").is_not_null()
    clicks = coded(judged.select(*_WORDS, slot=slot_column("at"), is_bot=is_bot).collect(), _WORDS)
    sums = [pl.len().cast(pl.Int64).alias("clicks"), pl.col("is_bot").sum().cast(pl.Int64).alias("bot_clicks")]
    quarter_hours = group_sorted(_with_month(clicks), _ORDER, sums)
    first_slot = pl.col("slot") // SLOTS_PER_DAY * SLOTS_PER_DAY
    nulls = {name: pl.lit(None, dtype=clicks.schema[name]) for name in _NOT_OF_DAYS}
    days = group_sorted(quarter_hours.with_columns(slot=first_slot, **nulls), _ORDER, _SUMS)
    return pl.concat([_as_counts(quarter_hours, QUARTER_HOUR), _as_counts(days, DAY)])


def merge_counts(counts: pl.LazyFrame) -> pl.DataFrame:
    """CLICK_COUNTS rows of one grain and month, one row a key, in the order of files; what was taken back is gone."""
    rows = counts.collect()
    grain = rows.item(0, "grain") if rows.height else DAY
    summed = group_sorted(_with_month(coded(rows, _WORDS)), _ORDER, _SUMS)
    return _as_counts(summed.filter(pl.any_horizontal(pl.col(sums_of("clicks")) != 0)), grain)


def _with_month(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds the UTC month of `slot`, as the number of months since the year 0."""
    at = time_column("slot")
    return rows.with_columns(month=at.dt.year() * 12 + at.dt.month() - 1)


def _as_counts(grouped: pl.DataFrame, grain: str) -> pl.DataFrame:
    """CLICK_COUNTS rows of rows with _ORDER: codes turned back into words."""
    if grouped.is_empty():  # Polars replaces nothing by nothing and keeps the type, whatever `return_dtype` says
        return pl.DataFrame(schema=CLICK_COUNTS.schema)
    months: list[int] = grouped["month"].unique().to_list()
    names = {month: f"{month // 12:04d}-{month % 12 + 1:02d}" for month in months}
    return grouped.with_columns(
        pl.col(_WORDS).cast(pl.String),
        month=pl.col("month").replace_strict(names, return_dtype=pl.String),
        grain=pl.lit(grain),
    ).select(list(CLICK_COUNTS.columns))


def cover(quarter_hours: pl.DataFrame) -> pl.DataFrame:
    """COVERAGE rows of CLICK_COUNTS rows: the first UTC day on which each handle's clicks carry each dimension."""
    day = time_column("slot").dt.date()
    first_days = [
        quarter_hours.filter(pl.col(dimension).is_not_null())
        .group_by("handle")
        .agg(from_day=day.min())
        .with_columns(dimension=pl.lit(dimension))
        for dimension in TRACKED_COLUMNS
    ]
    return pl.concat(first_days).select(list(COVERAGE.columns)).sort("handle", "dimension")
