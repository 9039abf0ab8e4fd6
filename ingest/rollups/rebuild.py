"""The roll-ups from the facts alone: what they must hold, and how they are derived anew when lists or rules change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from deltalake import DeltaTable, Transaction
from deltalake.transaction import AddAction, RemoveAction

from analytics_core.model import SegmentRules
from analytics_core.store.commit_log import ForgottenCommitError
from analytics_core.store.commit_time import Stamps
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import (
    ATTRIBUTIONS,
    CLICK_COUNTS,
    CLICKS,
    CONVERSIONS,
    COVERAGE,
    DAY,
    DETAIL,
    QUARTER_HOUR,
    SIGNALS,
    USER_AGENTS,
    TableSpec,
)
from analytics_core.store.parts import row_count
from analytics_core.store.tally import Tally
from ingest.clicks.user_agents import UserAgents, stable_hash
from ingest.rollups.attribution_rows import attribute, conversion_events, impression_events, in_order, links_of, resolve
from ingest.rollups.catch_up import Versions, catch_up, cover_days, derived_by, versions_of
from ingest.rollups.click_counts import count_clicks, judge
from ingest.rollups.completeness import Misfit, find_misfits
from ingest.rollups.delta import known, named_clicks, people, segmented
from ingest.rollups.visitor_segments import SEGMENT_COLUMNS, History


@dataclass(frozen=True, slots=True)
class Scratch:
    """What follows from all facts of these versions. One day of clicks is in memory at a time."""

    lake: Lake
    versions: Versions
    clicks: DeltaTable
    verdicts: pl.LazyFrame
    history: History
    attributions: pl.DataFrame  # ATTRIBUTIONS rows
    conversions: int  # that they hold

    def count_days(self, files: Iterable[str]) -> pl.DataFrame:
        """CLICK_COUNTS rows of files of `clicks`, which hold whole days: days share no slot."""
        days: dict[str, list[str]] = {}
        for path in files:
            days.setdefault(day_of(path), []).append(path)
        counts = [self._count(days[day]) for day in sorted(days)]
        return pl.concat(counts).sort("grain", "month", "handle", "slot", maintain_order=True)

    def _count(self, files: list[str]) -> pl.DataFrame:
        judged = judge(self.lake.scan(self.clicks, CLICKS, files), self.verdicts).collect()
        return count_clicks(segmented(judged, self.history.segments(people(judged))))


def newest(lake: Lake) -> Versions:
    """The versions of the facts as they are now."""
    return Versions(**{spec.name: lake.open(spec).version() for spec in (CLICKS, CONVERSIONS, SIGNALS)})


def from_scratch(lake: Lake, agents: UserAgents, rules: SegmentRules, versions: Versions) -> Scratch:
    """What follows from the facts of these versions."""
    clicks, conversions, signals = (
        lake.at(spec, max(getattr(versions, spec.name), 0)) for spec in (CLICKS, CONVERSIONS, SIGNALS)
    )
    verdicts = agents.verdicts().collect().lazy()
    events = pl.concat(
        [
            conversion_events(lake.scan(conversions, CONVERSIONS)),
            impression_events(lake.scan(signals, SIGNALS)),
        ]
    ).collect()
    named = named_clicks(lake, clicks, verdicts, events)
    links = links_of(attribute(events, known(named), pl.DataFrame(schema=SEGMENT_COLUMNS)).lazy())
    history = History(lake, clicks, links, rules)
    segments = history.segments(people(named))
    return Scratch(
        lake=lake,
        versions=versions,
        clicks=clicks,
        verdicts=verdicts,
        history=history,
        attributions=_as_they_came(events, known(named), segments),
        conversions=events.filter(pl.col("conversions") > 0).height,
    )


def _as_they_came(events: pl.DataFrame, clicks: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """The events attributed, those that were learnt before their click as pending first."""
    rows = attribute(events, clicks, segments)
    late = events.join(
        rows.select("handle", "event_id", known_at="learnt_at"), on=["handle", "event_id"], how="left"
    ).filter(pl.col("learnt_at") < pl.col("known_at"))
    pending = attribute(late.select(events.columns), clicks.clear(), segments.clear())
    others = rows.join(late, on=["handle", "event_id"], how="anti")
    return in_order(pl.concat([others, pending, resolve(pending, clicks, segments)]))


def bring_up_to_date(lake: Lake, agents: UserAgents, rules: SegmentRules, stamps: Stamps) -> list[Misfit]:
    """What sync and compact do first: derive anew when lists, rules or the way of deriving have changed or a roll-up
    was deleted, else add what a crash left out. Returns what did not fit, and was mended."""
    said = lake.derivation(lake.open(CLICK_COUNTS))
    if _has_lost_one(lake, has_counts=said is not None) or (
        said is not None and said != derived_by(agents.list_version, rules)
    ):
        rebuild(lake, agents, rules, stamps.clock())
    elif said is not None and lake.open(COVERAGE).version() == 0:
        counts = lake.open(CLICK_COUNTS)
        for path in files_of(counts, [("grain", "in", [QUARTER_HOUR, DETAIL])]):
            cover_days(lake, lake.scan(counts, CLICK_COUNTS, [path]).collect())
    try:
        catch_up(lake, agents, rules, stamps)
    except ForgottenCommitError:  # the log does not tell any more which facts are new
        rebuild(lake, agents, rules, stamps.clock())
    return mend(lake, agents, rules, stamps.clock())


def mend(lake: Lake, agents: UserAgents, rules: SegmentRules, now: datetime) -> list[Misfit]:
    """Compares what the roll-ups hold with the facts, and derives them anew when they differ; what did not fit."""
    misfits = find_misfits(lake)
    if misfits:
        rebuild(lake, agents, rules, now)
    return misfits


def _has_lost_one(lake: Lake, *, has_counts: bool) -> bool:
    """Whether one of counts and attributions is there, and the other, which was, is not."""
    if lake.open(ATTRIBUTIONS).version() > 0:
        return not has_counts
    if not has_counts:
        return False
    held = versions_of(lake.open(CLICK_COUNTS))  # a first conversion after that is no loss
    if lake.held_rows_at(CONVERSIONS, held.conversions):
        return True
    if not lake.held_rows_at(SIGNALS, held.signals):
        return False
    try:
        signals = lake.at(SIGNALS, held.signals)
    except ForgottenCommitError:
        signals = lake.open(SIGNALS)  # to which nothing was appended since
    return not impression_events(lake.scan(signals, SIGNALS)).limit(1).collect().is_empty()


def rebuild(lake: Lake, agents: UserAgents, rules: SegmentRules, now: datetime) -> None:
    """Judges every known agent on which the list version has no verdict, and derives the roll-ups from the facts again,
    in one commit each.

    Verdicts of older lists stay beside the new ones. A rebuild that was cut short starts again, as does one that
    another process's batch came into.
    """
    logged = lake.scan(lake.open(USER_AGENTS), USER_AGENTS).select("user_agent").collect()
    agents.judge(logged.with_columns(logged_id=stable_hash("user_agent")), now)
    while True:
        try:
            _rebuild(lake, agents, rules)
        except CommitConflictError:
            continue
        return


def files_by_month(clicks: DeltaTable) -> dict[str, list[str]]:
    months: dict[str, list[str]] = {}
    for path in sorted(files_of(clicks)):
        months.setdefault(day_of(path)[:7], []).append(path)
    return dict(sorted(months.items()))


def day_of(path: str) -> str:
    """The UTC day of a file of `clicks`, as 'yyyy-mm-dd'."""
    return path.split("/day=", 1)[1][:10]


def _rebuild(lake: Lake, agents: UserAgents, rules: SegmentRules) -> None:
    """Raises CommitConflictError when the roll-ups move meanwhile: every commit stands on the one before it."""
    counts, attributions = lake.open(CLICK_COUNTS), lake.open(ATTRIBUTIONS)
    scratch = from_scratch(lake, agents, rules, newest(lake))
    versions, conversions = scratch.versions, lake.at(CONVERSIONS, max(scratch.versions.conversions, 0))
    lake.replace(
        attributions,
        ATTRIBUTIONS,
        lake.write(ATTRIBUTIONS, scratch.attributions),
        transactions=[
            *versions.transactions(),
            *_tally(attributions, CONVERSIONS, conversions, versions.conversions, scratch.conversions),
        ],
    )
    written: list[AddAction | RemoveAction] = []
    held = 0
    for files in files_by_month(scratch.clicks).values():
        rows = scratch.count_days(files)
        cover_days(lake, rows)
        written += lake.write(CLICK_COUNTS, rows)
        held += int(rows.filter(pl.col("grain") == DAY)["clicks"].sum())
    lake.replace(
        counts,
        CLICK_COUNTS,
        written,
        transactions=[
            *versions.transactions(),
            *_tally(counts, CLICKS, scratch.clicks, versions.clicks, held),
        ],
        metadata=derived_by(agents.list_version, rules),
    )


def _tally(rollup: DeltaTable, spec: TableSpec, facts: DeltaTable, version: int, held: int) -> list[Transaction]:
    return Tally(version, held, row_count(facts), said_at=rollup.version() + 1).transactions(spec)
