"""Segments: what a visitor was when clicking, as a pure function of the handle's facts before the click.

Late or repeated delivery leads to the same segments: they depend on when things happened, not on when they were
learnt. `_segments` of `analytics_core/query/click_sql.py` has the same rules in SQL, for answers from single clicks.
Each is compared with plain Python: this one in `tests/ingest/test_attribution.py`, that one in
`tests/contract/test_oracle.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from deltalake import DeltaTable

from analytics_core.model import SegmentRules
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import CLICKS, UTC_MICROSECONDS
from analytics_core.store.parts import rows_between
from analytics_core.store.request_rules import is_bots_request

UNKNOWN: Final = "unknown"
PAST_COLUMNS: Final = {"visitor": pl.Int64, "at": UTC_MICROSECONDS, "event_id": pl.Int64}
SEGMENT_COLUMNS: Final = {**PAST_COLUMNS, "segment": pl.String}
CLICK_KEYS: Final = list(PAST_COLUMNS)  # a visitor belongs to one handle; a request id is one click's within a day
# A conversion or an intent signal of a visitor, linked by its click.
LINK_COLUMNS: Final = {
    "event_id": pl.String,
    "visitor": pl.Int64,
    "at": UTC_MICROSECONDS,
    "click_event_id": pl.Int64,
    "is_conversion": pl.Boolean,
    "confidence": pl.Float64,
}

_ROWS_AT_A_TIME: Final = 1_000_000  # of visitors' pasts; more are worked on in several passes
_LONG_AGO: Final = pl.lit(-(2**62), dtype=pl.Int64)
_DAY: Final = 86_400_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class History:
    """What visitors did: the clicks of one version of the lake, and `links` (LINK_COLUMNS)."""

    lake: Lake
    clicks: DeltaTable
    links: pl.DataFrame
    rules: SegmentRules

    def segments(self, wanted: pl.DataFrame, *, without: pl.DataFrame | None = None) -> pl.DataFrame:
        """SEGMENT_COLUMNS of clicks that have a visitor (PAST_COLUMNS), as if the clicks `without`
        (event_id, at) were not known."""
        if wanted.is_empty():
            return pl.DataFrame(schema=SEGMENT_COLUMNS)
        past = self._past(wanted)
        if without is not None:
            past = past.join(without.lazy(), on=["event_id", "at"], how="anti")
        shards = self._shards(past, wanted)
        found = [self._segments(past, wanted, shard, shards) for shard in range(shards)]
        return pl.concat(found)

    def _past(self, wanted: pl.DataFrame) -> pl.LazyFrame:
        """The clicks of the wanted visitors within the look-back. The clicks of bots are nobody's past."""
        start, last = self._span(wanted)
        files = files_of(self.clicks, [("day", ">=", f"{start:%F}"), ("day", "<=", f"{last:%F}")])
        return (
            self.lake.scan(self.clicks, CLICKS, files)
            .filter(pl.col("at").is_between(start, last) & ~is_bots_request())
            .join(wanted.lazy().select("visitor"), on="visitor", how="semi")
            .select(list(PAST_COLUMNS))
        )

    def _span(self, wanted: pl.DataFrame) -> tuple[datetime, datetime]:
        first, last = wanted.select(pl.col("at").min().alias("first"), pl.col("at").max().alias("last")).row(0)
        return first - timedelta(days=max(self.rules.returning_days, self.rules.engaged_days)), last

    def _shards(self, past: pl.LazyFrame, wanted: pl.DataFrame) -> int:
        """In how many passes the past is worked on. It is counted only when the files could hold too much of it."""
        start, last = self._span(wanted)
        rows = rows_between(self.clicks, start.date(), last.date())
        if rows > _ROWS_AT_A_TIME:
            rows = past.select(pl.len()).collect(engine="streaming").item()
        return -(-rows // _ROWS_AT_A_TIME) or 1

    def _segments(self, past: pl.LazyFrame, wanted: pl.DataFrame, shard: int, shards: int) -> pl.DataFrame:
        is_here = pl.col("visitor") % shards == shard if shards > 1 else pl.lit(value=True)
        clicks = past.filter(is_here).collect(engine="streaming")
        segmented = segment(clicks, self.links.filter(is_here), self.rules)
        return segmented.join(wanted, on=CLICK_KEYS, how="semi")


def segment(clicks: pl.DataFrame, links: pl.DataFrame, rules: SegmentRules) -> pl.DataFrame:
    """Adds `segment` to the clicks (PAST_COLUMNS) of visitors, whose whole past within the look-back they are.

    `links`: LINK_COLUMNS. Only what happened strictly before a click counts.
    """
    ordered = clicks.with_columns(time=pl.col("at").to_physical()).sort("visitor", "time")
    is_later = ordered.select(
        later=(pl.col("visitor") != pl.col("visitor").shift(1)).fill_null(value=True)
        | (pl.col("time") != pl.col("time").shift(1))
    )["later"]
    marked = ordered.with_columns(
        last_click=_before(1, is_later), nth_last_click=_before(rules.engaged_clicks, is_later)
    )
    conversions = links.filter("is_conversion")
    intents = links.filter(~pl.col("is_conversion") & (pl.col("confidence") >= rules.engaged_confidence))
    marked = _with_last(marked, conversions, "last_conversion", 1)
    marked = _with_last(marked, conversions, "nth_last_conversion", rules.vip_conversions)
    marked = _with_last(marked, intents, "last_intent", 1)
    return marked.with_columns(
        segment=pl.when(_within("nth_last_conversion", rules.vip_days))
        .then(pl.lit("vip"))
        .when(_within("last_conversion", rules.customer_days))
        .then(pl.lit("customer"))
        .when(_within("last_intent", rules.engaged_days) | _within("nth_last_click", rules.engaged_days))
        .then(pl.lit("engaged_prospect"))
        .when(_within("last_click", rules.returning_days))
        .then(pl.lit("returning"))
        .otherwise(pl.lit("new"))
    ).select(list(SEGMENT_COLUMNS))


def _before(count: int, is_later: pl.Series) -> pl.Expr:
    """The time of the visitor's `count`-th last click strictly before: clicks of one moment do not see one another."""
    time = pl.col("time").shift(count)
    found = pl.when(pl.col("visitor").shift(count) == pl.col("visitor")).then(time).otherwise(_LONG_AGO)
    return pl.when(pl.lit(is_later)).then(found).forward_fill()


def _with_last(clicks: pl.DataFrame, links: pl.DataFrame, name: str, count: int) -> pl.DataFrame:
    """Adds the time of the visitor's `count`-th last link strictly before each click; null without."""
    if links.is_empty():
        return clicks.with_columns(pl.lit(None, dtype=pl.Int64).alias(name))
    steps = (
        links.select("visitor", time=pl.col("at").to_physical())
        .sort("visitor", "time")
        .with_columns(pl.col("time").shift(count - 1).over("visitor").alias(name))
        .sort("time")
    )
    seen = clicks.join(links.select("visitor").unique(), on="visitor", how="semi").sort("time")
    found = seen.join_asof(
        steps, on="time", by="visitor", strategy="backward", allow_exact_matches=False, check_sortedness=False
    )
    return clicks.join(found.select(*CLICK_KEYS, name), on=CLICK_KEYS, how="left")


def _within(name: str, days: int) -> pl.Expr:
    return (pl.col("time") - pl.col(name) <= days * _DAY).fill_null(value=False)
