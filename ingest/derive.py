"""Roll-ups as a pure function of facts: clicks and the verdicts on their user agents in, counts and coverage out."""

from __future__ import annotations

import polars as pl

from analytics_core.store.schemas import CLICK_COUNTS, COVERAGE, SLOT_SECONDS, SLOTS_PER_DAY
from ingest.classify import HEAD_RULE

QUARTER_HOUR = "quarter_hour"
DAY = "day"

_KEYS = ["handle", "slot", "slug", "campaign_id", "country", "device", "referrer", "referrer_host"]
_SUMS = [pl.col("clicks").sum(), pl.col("bot_clicks").sum()]
_TRACKED = ("country", "device", "referrer")


def judge(clicks: pl.LazyFrame, verdicts: pl.LazyFrame) -> pl.LazyFrame:
    """Adds `bot_rule` (null: a person) and `device` (null: the log carried no user agent) to clicks.

    `verdicts` holds one row a user agent: user_agent_id, bot_rule, device. A HEAD request is a bot whatever its agent.
    """
    return judge_method(
        clicks.join(verdicts.select("user_agent_id", "bot_rule", "device"), on="user_agent_id", how="left")
    )


def judge_method(judged: pl.LazyFrame) -> pl.LazyFrame:
    """Judges requests by what no agent string tells: a HEAD request is a bot's; and the device of a bot is BOT."""
    by_method = pl.when(pl.col("method") == "HEAD").then(pl.lit(HEAD_RULE))
    return judged.with_columns(bot_rule=pl.coalesce("bot_rule", by_method)).with_columns(
        device=pl.when(pl.col("bot_rule").is_not_null()).then(pl.lit("BOT")).otherwise("device")
    )


def count_clicks(judged: pl.LazyFrame) -> pl.DataFrame:
    """CLICK_COUNTS rows of judged clicks, both grains, sorted by grain, month and key."""
    slot = (pl.col("at").dt.epoch("s") // SLOT_SECONDS).cast(pl.Int32)
    quarter_hours = (
        judged.with_columns(slot=slot)
        .group_by(_KEYS)
        .agg(clicks=pl.len().cast(pl.Int64), bot_clicks=pl.col("bot_rule").is_not_null().sum().cast(pl.Int64))
        .collect()
    )
    return add_up(quarter_hours)


def add_up(quarter_hours: pl.DataFrame) -> pl.DataFrame:
    """Both grains from quarter-hour rows, rows of one key merged, in the order in which files keep them."""
    merged = quarter_hours.group_by(_KEYS).agg(_SUMS)
    days = (
        merged.with_columns(
            slot=pl.col("slot") // SLOTS_PER_DAY * SLOTS_PER_DAY, referrer_host=pl.lit(None, dtype=pl.String)
        )
        .group_by(_KEYS)
        .agg(_SUMS)
    )
    month = pl.from_epoch(pl.col("slot").cast(pl.Int64) * SLOT_SECONDS, "s").dt.strftime("%Y-%m")
    return (
        pl.concat([merged.with_columns(grain=pl.lit(QUARTER_HOUR)), days.with_columns(grain=pl.lit(DAY))])
        .with_columns(month=month)
        .select(list(CLICK_COUNTS.columns))
        .sort("grain", "month", *_KEYS)
    )


def merge_counts(counts: pl.LazyFrame) -> pl.DataFrame:
    """CLICK_COUNTS rows with one row a key, in the order in which files keep them."""
    keys = ["grain", "month", *_KEYS]
    return counts.group_by(keys).agg(_SUMS).select(list(CLICK_COUNTS.columns)).sort(keys).collect()


def cover(quarter_hours: pl.DataFrame) -> pl.DataFrame:
    """COVERAGE rows of CLICK_COUNTS rows: the first UTC day on which each handle's clicks carry each dimension."""
    day = pl.from_epoch(pl.col("slot").cast(pl.Int64) * SLOT_SECONDS, "s").dt.date()
    first_days = [
        quarter_hours.filter(pl.col(dimension).is_not_null())
        .group_by("handle")
        .agg(from_day=day.min())
        .with_columns(dimension=pl.lit(dimension))
        for dimension in _TRACKED
    ]
    return pl.concat(first_days).select(list(COVERAGE.columns)).sort("handle", "dimension")
