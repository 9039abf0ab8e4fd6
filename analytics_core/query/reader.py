"""Asks the engine: a resolved question and a snapshot in, rows and numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from analytics_core.engines.engine import Cancellation, Engine
from analytics_core.metrics import COUNTS, sums_of
from analytics_core.model import Query, SegmentRules, TimeToConversion, row_schema, rows_frame
from analytics_core.query.attribution_sql import (
    NO_ATTRIBUTIONS,
    Attributions,
    attribution_files,
    compile_conversions,
    compile_currencies,
    compile_pending,
    compile_times,
    revenue_column,
)
from analytics_core.query.catalog import FILTERS, GROUPINGS
from analytics_core.query.compile import (
    RollupFiles,
    Source,
    compile_all_keys,
    compile_buckets,
    compile_events,
    compile_first_days,
    compile_keys,
)
from analytics_core.query.detail_sql import asks_for_details, details_answer
from analytics_core.query.event_columns import CLICK_COLUMNS, CONVERSION_COLUMNS, schema_of
from analytics_core.query.resolve import DAY_GRAIN, QUARTER_HOUR_GRAIN, SINGLE_CLICKS, Resolved
from analytics_core.query.rows import Breakdown, all_bucket_rows, bucket_rows, key_rows
from analytics_core.slots import SlotRange, day_slots, slot_time, slots_of
from analytics_core.store.fact_files import FactFiles, Facts, together
from analytics_core.store.snapshot import Snapshot

CLICK_EVENT_COLUMNS: Final = pl.Schema({**schema_of(CLICK_COLUMNS), "at": pl.String})
CONVERSION_EVENT_COLUMNS: Final = pl.Schema({**schema_of(CONVERSION_COLUMNS), "at": pl.String})

_CHUNK_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Reader:
    """Rows of answers and of downloads. Where nothing came of the clicks, nothing is asked about it."""

    engine: Engine
    facts: Facts
    segment_rules: SegmentRules

    def rows(self, resolved: Resolved, snapshot: Snapshot, final_through: date | None) -> Breakdown:
        """The rows of the answer, limit and `(other)` included."""
        handle = resolved.query.handle
        source, attributions = self._sources(resolved, snapshot)
        if resolved.buckets is not None:
            counts = self.engine.frame(compile_buckets(handle, resolved, source, attributions))
            return bucket_rows(counts, resolved, attributions, final_through)
        return key_rows(self.engine.frame(compile_keys(handle, resolved, source, attributions)), resolved, attributions)

    def groups(
        self, resolved: Resolved, snapshot: Snapshot, cancellation: Cancellation
    ) -> tuple[pl.Schema, Iterator[pl.DataFrame]]:
        """Every row of a breakdown, as columns of `row_schema` and frames of about 20,000 rows."""
        query = resolved.query
        source, attributions = self._sources(resolved, snapshot)
        columns = row_schema(attributions.currencies, query)
        if resolved.buckets is not None:
            counts = self.engine.frame(compile_buckets(query.handle, resolved, source, attributions))
            rows = all_bucket_rows(counts, resolved, attributions).rows
            return columns, iter([rows_frame(rows, attributions.currencies, query)])
        statement = compile_all_keys(query.handle, resolved, source, attributions)
        chunks = self.engine.stream(statement, _CHUNK_ROWS, cancellation)
        return columns, (_named(counts, attributions, columns) for counts in chunks)

    def clicks(self, query: Query, snapshot: Snapshot, cancellation: Cancellation) -> Iterator[pl.DataFrame]:
        """Single clicks in CLICK_EVENT_COLUMNS; a UTC day is what is sorted at a time."""
        covered = slots_of(query.period)
        start, end = slot_time(covered.start), slot_time(covered.end)
        files = self.facts.files(snapshot, start, end, self.segment_rules, as_of=query.as_of)
        for day, of_day in files.by_day():
            within = covered.within(day_slots(day, day))
            statement = compile_events(query.handle, query.filters, within, query.as_of, of_day)
            for events in self.engine.stream(statement, _CHUNK_ROWS, cancellation):
                yield events.with_columns(_time_text())

    def conversions(self, query: Query, snapshot: Snapshot, cancellation: Cancellation) -> Iterator[pl.DataFrame]:
        """Single conversions in CONVERSION_EVENT_COLUMNS."""
        covered = slots_of(query.period)
        files = attribution_files(snapshot, covered, query.conversion_day)
        if files:
            statement = compile_conversions(query.handle, query, covered, files)
            for events in self.engine.stream(statement, _CHUNK_ROWS, cancellation):
                yield events.with_columns(_time_text())

    def first_days(self, query: Query, snapshot: Snapshot) -> dict[str, date]:
        """Since when each dimension is tracked that the query groups or filters by; none is asked for in vain."""
        if not tracked_dimensions(query):
            return {}
        return dict(self.engine.frame(compile_first_days(query.handle, snapshot)).iter_rows())

    def times(self, query: Query, snapshot: Snapshot) -> tuple[TimeToConversion | None, int]:
        """How long conversions of the answer took, and how many of them are pending."""
        covered = slots_of(query.period)
        files = attribution_files(snapshot, covered, query.conversion_day)
        if not files:
            return None, 0
        row = self.engine.frame(compile_times(query.handle, query, covered, files)).row(0, named=True)
        median, p90 = row["median_seconds"], row["p90_seconds"]
        return None if median is None else TimeToConversion(median, p90), row["pending"]

    def pending(self, handle: str, first: date, last: date, snapshot: Snapshot) -> int:
        """Conversions of whole UTC days (both inclusive) that wait for the log line of their click."""
        days = day_slots(first, last)
        files = attribution_files(snapshot, days, "conversion")
        return self.engine.frame(compile_pending(handle, days, files)).item() if files else 0

    def _sources(self, resolved: Resolved, snapshot: Snapshot) -> tuple[Source, Attributions]:
        """What clicks are counted from: the cube, the detail grain, or the facts, which know of each click when it was
        learnt and all of its dimensions; and what came of them."""
        query, attributions = resolved.query, self._attributions_of(resolved, snapshot)
        is_detailed = asks_for_details(query)
        single = resolved.reads.get(SINGLE_CLICKS, ())
        if query.as_of is None and not is_detailed:
            return RollupFiles(snapshot, is_detailed, self._single_clicks(query, single, snapshot)), attributions
        days = resolved.reads.get(DAY_GRAIN, ())
        has_details = snapshot.has_details(sorted({month for one in days for month in one.months}))
        if query.as_of is None and has_details and details_answer(query):
            rest = (*resolved.reads.get(QUARTER_HOUR_GRAIN, ()), *single)
            return RollupFiles(snapshot, is_detailed, self._single_clicks(query, rest, snapshot)), attributions
        ranges = (resolved.covered,) if query.asks_for_segments else resolved.ranges
        return self._single_clicks(query, ranges, snapshot), attributions

    def _single_clicks(self, query: Query, ranges: Sequence[SlotRange], snapshot: Snapshot) -> FactFiles:
        rules = self.segment_rules if query.asks_for_segments else None
        return together(
            self.facts.files(snapshot, slot_time(one.start), slot_time(one.end), rules, as_of=query.as_of)
            for one in ranges
        )

    def _attributions_of(self, resolved: Resolved, snapshot: Snapshot) -> Attributions:
        query = resolved.query
        files = attribution_files(snapshot, resolved.covered, query.conversion_day)
        if not files:
            return NO_ATTRIBUTIONS
        found = self.engine.frame(compile_currencies(query.handle, query, resolved.ranges, files))
        if found.is_empty():
            return NO_ATTRIBUTIONS
        with_money = found.filter(pl.col("currency").is_not_null() & pl.col("has_money"))
        return Attributions(files, tuple(with_money["currency"]))


def tracked_dimensions(query: Query) -> frozenset[str]:
    """What the answer depends on and logs may lack, as coverage names it."""
    asked = [FILTERS[one.dimension] for one in query.filters]
    if query.group_by is not None:
        asked.append(GROUPINGS[query.group_by])
    return frozenset(one.tracked_as for one in asked if one.tracked_as)


def _named(counts: pl.DataFrame, attributions: Attributions, columns: pl.Schema) -> pl.DataFrame:
    """Counts under the names of the metrics."""
    zero = pl.lit(0, dtype=pl.Int64)
    return counts.with_columns(
        **{name: zero for name in sums_of("attributions") if not attributions.files},
        **{one.name: pl.sql_expr(one.derivation or one.attribute) for one in COUNTS if one.kept_with == "clicks"},
        **{f"revenue_{code}": pl.col(revenue_column(place)) for place, code in enumerate(attributions.currencies)},
    ).select(pl.col(name).cast(kind) for name, kind in columns.items())


def _time_text() -> pl.Expr:
    return pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
