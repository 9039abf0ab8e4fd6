"""Roll-ups as a pure function of facts: clicks and the verdicts on their user agents in, counts and coverage out."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analytics_core.dimensions import (
    CUBE,
    CUBE_COLUMNS,
    DETAIL_COLUMNS,
    DIMENSIONS,
    OF_BOTS,
    OF_PEOPLE,
    TRACKED_COLUMNS,
    VERDICT_COLUMNS,
)
from analytics_core.metrics import sums_of
from analytics_core.slots import SLOTS_PER_DAY, slot_column, time_column
from analytics_core.store.bot_clicks import is_bot_click
from analytics_core.store.lake_tables import CLICKS, COVERAGE, DAY, DETAIL, QUARTER_HOUR
from analytics_core.store.request_rules import bot_purpose, bot_rule, request_columns
from ingest.rollups.count_rows import as_counts, with_month
from ingest.rollups.detail_counts import count_details, merge_details
from ingest.rollups.packed_keys import coded, group_sorted

_KEYS = ["handle", "slot", *CUBE_COLUMNS]
_WORDS = [name for name in _KEYS if name != "slot"]
_ORDER = ["month", *_KEYS]  # of rows in files: readers prune by handle and slot
_SUMS = [pl.col(name).sum() for name in sums_of("clicks")]
# Columns of CLICKS that nothing in the roll-ups is derived from.
_UNUSED = set(CLICKS.columns) - {
    *("handle", "event_id", "at", "user_agent_id", "visitor", "learnt_at"),
    *(one.column for one in DIMENSIONS if one.column),
    *request_columns(),
    *is_bot_click().meta.root_names(),
}
_NOT_OF_DAYS = [one.column for one in CUBE if one.quarter_hours_only]


def judge(clicks: pl.LazyFrame, verdicts: pl.LazyFrame) -> pl.LazyFrame:
    """Adds `bot_rule` (null: a person) and VERDICT_COLUMNS (null: the log carried no user agent) to clicks.

    `verdicts` holds one row a user agent: user_agent_id and these.
    """
    is_bot, of_agent = pl.col("bot_rule").is_not_null(), pl.col("bot_rule")
    judged = (
        clicks.drop(_UNUSED, strict=False)
        .join(verdicts.select("user_agent_id", "bot_rule", *VERDICT_COLUMNS), on="user_agent_id", how="left")
        .with_columns(bot_rule=bot_rule(of_agent), **{name: bot_purpose(of_agent, pl.col(name)) for name in OF_PEOPLE})
    )
    return judged.with_columns(
        pl.when(is_bot).then(pl.lit(of_bots)).otherwise(name).alias(name) for name, of_bots in OF_BOTS.items()
    )


def count_clicks(judged: pl.LazyFrame) -> pl.DataFrame:
    """CLICK_COUNTS rows of judged clicks with their `segment`, every grain, one row a key, in the order of files."""
    clicks = _clicks(judged, [*_WORDS, *DETAIL_COLUMNS])
    return pl.concat([_count_cube(clicks), count_details(clicks)])


def count_cube(judged: pl.LazyFrame) -> pl.DataFrame:
    """The same without the detail grain, which a click's segment does not change."""
    return _count_cube(_clicks(judged, _WORDS))


def _clicks(judged: pl.LazyFrame, words: Sequence[str]) -> pl.DataFrame:
    """The keys of judged clicks, words as codes, with `is_bot`."""
    clicks = judged.select(*words, slot=slot_column("at"), is_bot=is_bot_click()).collect()
    return with_month(coded(clicks, words))


def _count_cube(clicks: pl.DataFrame) -> pl.DataFrame:
    sums = [pl.len().cast(pl.Int64).alias("clicks"), pl.col("is_bot").sum().cast(pl.Int64).alias("bot_clicks")]
    quarter_hours = group_sorted(clicks, _ORDER, sums)
    first_slot = pl.col("slot") // SLOTS_PER_DAY * SLOTS_PER_DAY
    nulls = {name: pl.lit(None, dtype=clicks.schema[name]) for name in _NOT_OF_DAYS}
    days = group_sorted(quarter_hours.with_columns(slot=first_slot, **nulls), _ORDER, _SUMS)
    return pl.concat([as_counts(quarter_hours, QUARTER_HOUR), as_counts(days, DAY)])


def merge_counts(counts: pl.LazyFrame) -> pl.DataFrame:
    """CLICK_COUNTS rows of one grain and month, one row a key, in the order of files; what was taken back is gone."""
    rows = counts.collect()
    grain = rows.item(0, "grain") if rows.height else DAY
    if grain == DETAIL:
        return merge_details(rows)
    summed = group_sorted(with_month(coded(rows, _WORDS)), _ORDER, _SUMS)
    return as_counts(summed.filter(pl.any_horizontal(pl.col(sums_of("clicks")) != 0)), grain)


def cover(counts: pl.DataFrame) -> pl.DataFrame:
    """COVERAGE rows of CLICK_COUNTS rows: the first UTC day on which each handle's clicks carry each dimension."""
    day = time_column("slot").dt.date()
    first_days = [
        counts.lazy()
        .filter(pl.col("grain") == grain)
        .group_by("handle")
        .agg(day.filter(pl.col(dimension).is_not_null()).min().alias(dimension) for dimension in dimensions)
        .unpivot(index="handle", variable_name="dimension", value_name="from_day")
        .drop_nulls("from_day")
        for grain, dimensions in ((QUARTER_HOUR, TRACKED_COLUMNS), (DETAIL, DETAIL_COLUMNS))
    ]
    return pl.concat(first_days).select(list(COVERAGE.columns)).sort("handle", "dimension").collect()
