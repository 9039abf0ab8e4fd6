"""The one door to the numbers: check who asks, resolve what is asked, run it, answer with what is known about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final, TypeVar

import polars as pl

from analytics_core.access.actors import Actor
from analytics_core.access.policy import Policy
from analytics_core.access.rules import Action
from analytics_core.engines.base import Engine
from analytics_core.errors import StoreUnavailableError
from analytics_core.model import Answer, Confidence, Freshness, Metrics, Query
from analytics_core.quality.confidence import Evidence, confidence
from analytics_core.quality.freshness import freshness
from analytics_core.query.catalog import EVENT, tracked_dimension
from analytics_core.query.compare import all_day_rows, day_rows, key_rows, previous_total, total
from analytics_core.query.compile import (
    EVENTS,
    Source,
    compile_all_keys,
    compile_days,
    compile_events,
    compile_first_days,
    compile_keys,
)
from analytics_core.query.parse import check_query
from analytics_core.query.resolve import Resolved, SlotRange, resolve, slot_time, slots_of
from analytics_core.store.facts import Facts
from analytics_core.store.file_cache import VanishedFileError
from analytics_core.store.lake import Lake, Snapshot
from analytics_core.store.syncs import Syncs

GROUP_COLUMNS: Final = pl.Schema(
    {"key": pl.String, "clicks": pl.Int64, "qualifiedClicks": pl.Int64, "botClicks": pl.Int64}
)
EVENT_COLUMNS: Final = pl.Schema({**EVENTS, "at": pl.String})

_CHUNK_ROWS: Final = 20_000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Export:
    """Rows of a download. `frames` gives them once, in order, in frames of `columns` with about 20,000 rows at most.

    `columns` is GROUP_COLUMNS, or EVENT_COLUMNS for single clicks. Errors of access and of the question are raised
    before there is an Export; while reading, only StoreUnavailableError and QueryTimeoutError can come.
    """

    query: Query
    columns: pl.Schema
    frames: Iterator[pl.DataFrame]
    data_version: str


class Analytics:
    """Answers questions about a handle's clicks. Safe to share between threads."""

    def __init__(
        self,
        *,
        lake: Lake,
        engine: Engine,
        policy: Policy,
        syncs: Syncs,
        sla_minutes: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._lake = lake
        self._engine = engine
        self._policy = policy
        self._syncs = syncs
        self._sla_minutes = sla_minutes
        self._clock = clock
        self._facts = Facts(lake)

    def run(self, query: Query, actor: Actor) -> Answer:
        """The answer, for an actor who may read the handle.

        Raises the errors of Policy.check, the InvalidParameterError of what is wrong with the query,
        QueryTooLargeError, QueryTimeoutError and StoreUnavailableError.
        """
        self._policy.check(actor, Action.READ, query.handle)
        check_query(query)
        resolved = resolve(query)
        return self._on_a_snapshot(lambda snapshot: self._answer(resolved, snapshot))

    def export_rows(self, query: Query, actor: Actor) -> Export:
        """All rows of a breakdown, or single clicks (`group_by="event"`), for an actor who may export.

        No limit and no `(other)`; the sort of the query counts for breakdowns, single clicks come in the order of
        their time. Memory is bounded by a chunk and by what the engine sorts at a time.
        """
        self._policy.check(actor, Action.EXPORT, query.handle)
        check_query(query)
        if query.group_by == EVENT:
            return self._export(query, EVENT_COLUMNS, lambda snapshot: self._events(query, snapshot))
        resolved = resolve(query)
        return self._export(query, GROUP_COLUMNS, lambda snapshot: self._groups(resolved, snapshot))

    def freshness(self) -> Freshness:
        """How current the numbers are, for all handles alike."""
        return freshness(self._syncs.last_complete(), self._sla_minutes, self._clock())

    def data_version(self) -> str:
        """What the numbers are made of. The same version gives the same answers; compaction does not change it."""
        return self._facts.version(self._lake.snapshot())

    def close(self) -> None:
        self._engine.close()

    def _on_a_snapshot(self, ask: Callable[[Snapshot], _T]) -> _T:
        """Asks; when files vanish because a compaction came in between, asks once more on a newer snapshot."""
        try:
            return ask(self._lake.snapshot())
        except VanishedFileError:
            pass
        try:
            return ask(self._lake.snapshot())
        except VanishedFileError as error:
            raise _lacking() from error

    def _answer(self, resolved: Resolved, snapshot: Snapshot) -> Answer:
        query = resolved.query
        source = self._source(query, resolved.covered, snapshot)
        if resolved.dimension.name == "day":
            rows = day_rows(self._engine.frame(compile_days(query.handle, resolved, source)), resolved)
        else:
            rows = key_rows(self._engine.frame(compile_keys(query.handle, resolved, source)), resolved)
        totals = total(rows)
        first_days = self._first_days(query, snapshot)
        current = self.freshness()
        return Answer(
            query=query,
            rows=rows,
            totals=totals,
            previous_totals=previous_total(rows) if resolved.previous else None,
            tracked_from=first_days.get(tracked_dimension(query.group_by) or ""),
            freshness=current,
            confidence=self._confidence(query, totals, current, first_days) if query.confidence else None,
            data_version=self._facts.version(snapshot),
        )

    def _source(self, query: Query, covered: SlotRange, snapshot: Snapshot) -> Source:
        """The roll-ups; a question about how things stood needs the facts, which know when they were learnt."""
        if query.as_of is None:
            return snapshot
        return self._facts.files(snapshot, slot_time(covered.start), slot_time(covered.end))

    def _first_days(self, query: Query, snapshot: Snapshot) -> dict[str, date]:
        """Since when each dimension is tracked that the query groups or filters by; none is asked for in vain."""
        if not _tracked_dimensions(query):
            return {}
        return dict(self._engine.frame(compile_first_days(query.handle, snapshot)).iter_rows())

    def _confidence(self, query: Query, totals: Metrics, current: Freshness, first_days: dict[str, date]) -> Confidence:
        period = query.period
        lines = self._syncs.line_counts(period.start.date(), (period.end - timedelta(microseconds=1)).date())
        untracked = [_days_before(query, first_days.get(name)) for name in _tracked_dimensions(query)]
        return confidence(
            Evidence(
                clicks=totals.clicks,
                bot_clicks=totals.bot_clicks,
                freshness=current,
                now=self._clock(),
                lines=lines.lines,
                rejected=lines.rejected,
                days=period.length,
                untracked_days=max(untracked, default=0),
            )
        )

    def _export(
        self, query: Query, columns: pl.Schema, frames_of: Callable[[Snapshot], Iterator[pl.DataFrame]]
    ) -> Export:
        def begin(snapshot: Snapshot) -> Export:
            frames = frames_of(snapshot)
            first = next(frames, pl.DataFrame(schema=columns))  # what is wrong from the start is told here
            return Export(query, columns, chain([first], _rest(frames)), self._facts.version(snapshot))

        return self._on_a_snapshot(begin)

    def _groups(self, resolved: Resolved, snapshot: Snapshot) -> Iterator[pl.DataFrame]:
        query = resolved.query
        source = self._source(query, resolved.covered, snapshot)
        if resolved.dimension.name == "day":
            rows = all_day_rows(self._engine.frame(compile_days(query.handle, resolved, source)), resolved)
            counts = [(row.key, row.metrics.clicks, row.metrics.bot_clicks) for row in rows]
            yield _named(pl.DataFrame(counts, schema=["key", "clicks", "bot_clicks"], orient="row"))
            return
        for counts in self._engine.stream(compile_all_keys(query.handle, resolved, source), _CHUNK_ROWS):
            yield _named(counts)

    def _events(self, query: Query, snapshot: Snapshot) -> Iterator[pl.DataFrame]:
        covered = slots_of(query.period)
        files = self._facts.files(snapshot, slot_time(covered.start), slot_time(covered.end))
        for of_day in files.by_day():  # a day is what is sorted at a time
            statement = compile_events(query.handle, query.filters, covered, query.as_of, of_day)
            for events in self._engine.stream(statement, _CHUNK_ROWS):
                yield events.with_columns(at=pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))


def _rest(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The frames after the first: half a download cannot be asked again on a newer snapshot."""
    try:
        yield from frames
    except VanishedFileError as error:
        raise _lacking() from error


def _lacking() -> StoreUnavailableError:
    return StoreUnavailableError("The lake lacks a file that it names; nothing was lost.")


def _named(counts: pl.DataFrame) -> pl.DataFrame:
    """Counts under the names of the metrics, as in GROUP_COLUMNS."""
    return counts.select(
        "key", "clicks", qualifiedClicks=pl.col("clicks") - pl.col("bot_clicks"), botClicks="bot_clicks"
    ).cast(GROUP_COLUMNS)


def _tracked_dimensions(query: Query) -> frozenset[str]:
    """What the answer depends on and logs may lack, as coverage names it."""
    names = (tracked_dimension(name) for name in (query.group_by, *(one.dimension for one in query.filters)))
    return frozenset(name for name in names if name is not None)


def _days_before(query: Query, first_day: date | None) -> int:
    """Days of the range before `first_day`; all of them when there is none."""
    period = query.period
    return period.length if first_day is None else min(period.length, max(0, (first_day - period.from_day).days))
