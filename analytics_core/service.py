"""The one door to the numbers: check who asks, resolve what is asked, run it, answer with what is known about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final, TypeVar

import polars as pl

from analytics_core.access.actors import Actor
from analytics_core.access.policy import Policy
from analytics_core.access.rules import Action
from analytics_core.engines.engine import Cancellation, Engine
from analytics_core.errors import StoreUnavailableError
from analytics_core.model import Answer, Confidence, Freshness, Funnel, Metrics, Posts, Query, SegmentRules
from analytics_core.quality.confidence import Evidence, confidence
from analytics_core.quality.freshness import freshness
from analytics_core.quality.funnel import beside, final_through, stages
from analytics_core.query.catalog import EVENT
from analytics_core.query.export_rows import Export, Frames, lacking
from analytics_core.query.parse import check_as_of, check_query
from analytics_core.query.plan_text import explain
from analytics_core.query.reader import (
    CLICK_EVENT_COLUMNS,
    CONVERSION_EVENT_COLUMNS,
    Reader,
    tracked_dimensions,
)
from analytics_core.query.resolve import Resolved, resolve
from analytics_core.query.rows import total
from analytics_core.store.fact_files import Facts
from analytics_core.store.file_cache import VanishedFileError
from analytics_core.store.horizon import Horizon
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICKS
from analytics_core.store.outcomes import Outcomes
from analytics_core.store.snapshot import Snapshot
from analytics_core.store.syncs import Syncs

_LEAST: Final = timedelta(microseconds=1)

_T = TypeVar("_T")


class Analytics:
    """Answers questions about a handle's clicks and what came of them. Safe to share between threads."""

    def __init__(
        self,
        *,
        lake: Lake,
        engine: Engine,
        policy: Policy,
        syncs: Syncs,
        outcomes: Outcomes,
        horizon: Horizon,
        sla_minutes: int,
        ctx_ttl: timedelta,
        segment_rules: SegmentRules,
        clock: Callable[[], datetime],
    ) -> None:
        self._lake = lake
        self._engine = engine
        self._policy = policy
        self._syncs = syncs
        self._outcomes = outcomes
        self._horizon = horizon
        self._sla_minutes = sla_minutes
        self._ctx_ttl = ctx_ttl
        self._clock = clock
        self._facts = Facts(lake)
        self._reader = Reader(engine, self._facts, segment_rules)
        self._checked: Snapshot | None = None  # the last one that holds what the ledger knows

    def run(self, query: Query, actor: Actor) -> Answer:
        """The answer, for an actor who may read the handle.

        Raises the errors of Policy.check, the InvalidParameterError of what is wrong with the query,
        QueryTooLargeError, QueryTimeoutError and StoreUnavailableError.
        """
        self._policy.check(actor, Action.READ, query.handle)
        check_query(query)
        self._reach(query.as_of)
        resolved = resolve(query, self._clock())
        return self._on_a_snapshot(lambda snapshot: self._answer(resolved, snapshot))

    def export_rows(self, query: Query, actor: Actor) -> Export:
        """All rows of a breakdown, or single clicks or conversions (`group_by="event"`), for an actor who may export.

        No limit and no `(other)`; the sort of the query counts for breakdowns, single events come in the order of
        their time. Memory is bounded by a chunk and by what the engine sorts at a time. The call takes half a second
        longer than what it has to look up at most: the first frame may come later, and with it what is wrong.
        """
        self._policy.check(actor, Action.EXPORT, query.handle)
        check_query(query)
        self._reach(query.as_of)
        return self._on_a_snapshot(lambda snapshot: self._export_of(query, snapshot))

    def explain(self, query: Query, actor: Actor) -> list[str]:
        """Each statement that the rows of the answer need, what it binds and reads, and the engine's plan of it.

        Raises what `run` raises.
        """
        self._policy.check(actor, Action.READ, query.handle)
        check_query(query)
        resolved = resolve(query, self._clock())
        return self._on_a_snapshot(lambda snapshot: explain(self._reader, resolved, snapshot))

    def freshness(self, as_of: datetime | None = None) -> Freshness:
        """How current the numbers are, or were then, for all handles alike."""
        moment = as_of or self._clock()
        return freshness(self._syncs.last_complete(moment), self._sla_minutes, moment)

    def data_version(self) -> str:
        """What the numbers are made of. The same version gives the same answers; compaction does not change it."""
        return self._facts.version(self._snapshot())

    def state(self, query: Query) -> str:
        """Of what the answer is made: as long as it stays the same, so does the answer."""
        posts = self._outcomes.posts(query.handle, *_utc_days(query)) if query.funnel else {}
        current = self.freshness(query.as_of)
        last, now = current.last_updated_at, query.as_of or self._clock()
        age = (now - last) // timedelta(minutes=1) if query.confidence and last is not None else None
        snapshot = self._snapshot()
        final = self._final_through(query) if query.funnel else None
        compared = resolve(query, now) if query.group_by != EVENT else None
        until = compared and (compared.previous, compared.previous_until)  # later with every minute of the last day
        parts = (snapshot.versions, self._facts.version(snapshot), current, sorted(posts.items()), final, age, until)
        return "|".join(repr(part) for part in parts)

    def close(self) -> None:
        self._engine.close()

    def _reach(self, as_of: datetime | None) -> None:
        """Before an answer as of a moment is read. Raises InvalidAsOfError for one that lies in the future."""
        if as_of is not None:
            check_as_of(as_of, self._clock())
            self._horizon.reach(as_of)

    def _on_a_snapshot(self, ask: Callable[[Snapshot], _T]) -> _T:
        """Asks; when files vanish because a compaction came in between, or roll-ups were deleted and made anew, asks
        once more on a newer snapshot."""
        try:
            return ask(self._snapshot())
        except VanishedFileError:
            self._lake.forget()
        try:
            return ask(self._snapshot())
        except VanishedFileError as error:
            raise lacking() from error

    def _snapshot(self) -> Snapshot:
        """The newest snapshot, when the ledger knows of nothing that its lake lacks."""
        snapshot = self._lake.snapshot()
        if snapshot is not self._checked:
            recorded = self._syncs.lake_version()
            snapshot = self._lake.snapshot()  # after the ledger: every batch reaches the lake first
            self._check(snapshot, recorded)
            self._checked = snapshot
        return snapshot

    def _check(self, snapshot: Snapshot, recorded: int) -> None:
        """Raises StoreUnavailableError for a lake that is not the one which the ledger is about: its disk is not there,
        the setting names another place, it was restored from an older backup, or roll-ups were deleted and no sync came
        since. Its numbers would be wrong.
        """
        if snapshot.data_version < recorded and self._lake.open(CLICKS).version() < recorded:
            raise StoreUnavailableError(
                "The lake is empty or older than the ledger, which knows later commits to it: is it the right one?"
            )
        has_no_counts = snapshot.data_version < 0 < recorded  # sync makes them before its first batch
        if has_no_counts or snapshot.has_lost_rollups:
            raise StoreUnavailableError("The lake has lost its roll-ups; the next sync makes them anew.")
        if snapshot.misfits:
            raise StoreUnavailableError(
                f"The lake's roll-ups do not hold the {' and '.join(snapshot.misfits)} of its facts; the next sync "
                "derives them anew."
            )

    def _answer(self, resolved: Resolved, snapshot: Snapshot) -> Answer:
        query = resolved.query
        final = self._final_through(query) if query.funnel else None
        breakdown = self._reader.rows(resolved, snapshot, final)
        totals = total(breakdown.rows)
        first_days = self._reader.first_days(query, snapshot)
        current = self.freshness(query.as_of)
        return Answer(
            query=query,
            rows=breakdown.rows if query.group_by else (),
            totals=totals,
            previous_totals=breakdown.previous_totals,
            tracked_from=first_days.get(resolved.dimension.tracked_as) if query.group_by else None,
            freshness=current,
            confidence=self._confidence(query, totals, current, first_days, snapshot) if query.confidence else None,
            data_version=self._facts.version(snapshot),
            funnel=self._funnel(query, totals, final, snapshot) if query.funnel else None,
            previous_period=resolved.previous_period,
            so_far=resolved.so_far,
        )

    def _funnel(self, query: Query, totals: Metrics, final: date | None, snapshot: Snapshot) -> Funnel:
        times, _ = self._reader.times(query, snapshot)
        return Funnel(stages(totals), beside(totals), final, times, self._posts(query, snapshot))

    def _posts(self, query: Query, snapshot: Snapshot) -> Posts:
        """As the ledger has them now, whatever the filters: a refused post has no click to filter by."""
        days = _utc_days(query)
        waiting = self._outcomes.not_carried(query.handle, *days) + self._reader.pending(query.handle, *days, snapshot)
        counted = self._outcomes.posts(query.handle, *days)
        accepted = counted.get("accepted", 0)
        waiting = min(waiting, accepted)  # a sync in this moment may have one in both places
        return Posts(**(counted | {"accepted": accepted - waiting, "click_not_yet_seen": waiting}))

    def _final_through(self, query: Query) -> date | None:
        sync = self._syncs.last_complete(query.as_of or self._clock())
        return final_through(query.period, self._ctx_ttl, sync and sync.started_at)

    def _confidence(
        self, query: Query, totals: Metrics, current: Freshness, first_days: dict[str, date], snapshot: Snapshot
    ) -> Confidence:
        conversions = totals.conversions
        if conversions > totals.qualified_clicks:
            conversions -= self._reader.times(query, snapshot)[1]
        period = query.period
        lines = self._syncs.line_counts(*_utc_days(query), query.as_of)
        untracked = [_days_before(query, first_days.get(name)) for name in tracked_dimensions(query)]
        return confidence(
            Evidence(
                clicks=totals.clicks,
                bot_clicks=totals.bot_clicks,
                conversions=conversions,
                freshness=current,
                now=query.as_of or self._clock(),
                lines=lines.lines,
                rejected=lines.rejected,
                days=period.length,
                untracked_days=max(untracked, default=0),
            )
        )

    def _export_of(self, query: Query, snapshot: Snapshot) -> Export:
        """The rows, and as of which moment they are given again. While roll-ups lag behind what their newest row says,
        there is no such moment: the rows are those as of it, from the facts."""
        as_of = query.as_of or self._facts.learnt_at(snapshot)
        if query.as_of is None and as_of is not None:
            self._horizon.reach(as_of)
            if not self._facts.holds_all(snapshot, as_of):
                query, snapshot = replace(query, as_of=as_of), self._snapshot()
        made = (
            self._events(query, snapshot)
            if query.group_by == EVENT
            else self._groups(resolve(query, self._clock()), snapshot)
        )
        return replace(made, as_of=as_of)

    def _groups(self, resolved: Resolved, snapshot: Snapshot) -> Export:
        cancellation = Cancellation()
        columns, frames = self._reader.groups(resolved, snapshot, cancellation)
        return self._export(resolved.query, columns, frames, snapshot, cancellation)

    def _events(self, query: Query, snapshot: Snapshot) -> Export:
        cancellation = Cancellation()
        if query.events == "conversions":
            columns, frames = CONVERSION_EVENT_COLUMNS, self._reader.conversions(query, snapshot, cancellation)
        else:
            columns, frames = CLICK_EVENT_COLUMNS, self._reader.clicks(query, snapshot, cancellation)
        return self._export(query, columns, frames, snapshot, cancellation)

    def _export(
        self,
        query: Query,
        columns: pl.Schema,
        frames: Iterator[pl.DataFrame],
        snapshot: Snapshot,
        cancellation: Cancellation,
    ) -> Export:
        begun = Frames(frames, cancellation)
        begun.check_begin()
        return Export(
            query, columns, begun, self._facts.version(snapshot), as_of=query.as_of, cancellation=cancellation
        )


def _utc_days(query: Query) -> tuple[date, date]:
    """The first and the last UTC day that the range touches."""
    return query.period.start.date(), (query.period.end - _LEAST).date()


def _days_before(query: Query, first_day: date | None) -> int:
    """Days of the range before `first_day`; all of them when there is none."""
    period = query.period
    return period.length if first_day is None else min(period.length, max(0, (first_day - period.from_day).days))
