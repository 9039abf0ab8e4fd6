"""Keeps the roll-ups in step with the facts: caught up after every batch or crash, derived anew when rules change.

Both roll-ups carry Delta transactions that say up to which version of each table of facts they hold them. A change is
appended to the attributions first, then to the counts: whoever finds the one ahead of the other adds what is missing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final

import polars as pl
from deltalake import DeltaTable, Transaction

from analytics_core.model import SegmentRules
from analytics_core.store.commit_time import Stamps
from analytics_core.store.derivation import DERIVATION, DERIVATION_VERSION
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import (
    ATTRIBUTIONS,
    CLICK_COUNTS,
    CLICKS,
    CONVERSIONS,
    COVERAGE,
    SIGNALS,
    USER_AGENTS,
    TableSpec,
)
from analytics_core.store.parts import row_count
from analytics_core.store.tally import Tally
from ingest.clicks.batch_summaries import summary_of
from ingest.clicks.user_agents import UserAgents
from ingest.rollups.attribution_rows import conversion_events, impression_events
from ingest.rollups.click_counts import cover, judge
from ingest.rollups.completeness import held_rows
from ingest.rollups.delta import NewFacts, RollupsSoFar

CLICKS_AT_A_TIME: Final = 150_000  # about so many are folded in by one commit; bounds the memory
_FACTS: Final = (CLICKS, CONVERSIONS, SIGNALS)


@dataclass(frozen=True, slots=True)
class Versions:
    """Up to which version of each table of facts a roll-up holds them; -1 before the first."""

    clicks: int
    conversions: int
    signals: int

    def transactions(self) -> list[Transaction]:
        return [Transaction(one.name, getattr(self, one.name)) for one in fields(self)]

    def is_ahead_of(self, other: Versions) -> bool:
        return any(getattr(self, one.name) > getattr(other, one.name) for one in fields(self))


def versions_of(rollup: DeltaTable) -> Versions:
    held = {spec.name: rollup.transaction_version(spec.name) for spec in _FACTS}
    return Versions(**{name: -1 if version is None else version for name, version in held.items()})


def catch_up(lake: Lake, agents: UserAgents, rules: SegmentRules, stamps: Stamps) -> None:
    """Folds every fact into the roll-ups that they lack, some hundred thousand clicks at a time.

    What followed clicks counts as learnt now: no reader could see it before.
    """
    while True:
        counts, attributions = lake.open(CLICK_COUNTS), lake.open(ATTRIBUTIONS)
        held, ahead = versions_of(counts), versions_of(attributions)
        is_ahead = ahead.is_ahead_of(held)
        target = ahead if is_ahead else _next(lake, held)
        if target == held:
            return
        facts = _new_facts(lake, agents, held, target, stamps.clock())
        delta = RollupsSoFar(lake, agents.verdicts(), attributions, rules).delta(facts)
        try:
            if delta.attributions.height and not is_ahead:
                conversions = facts.events.filter(pl.col("conversions") > 0).height
                tally = _tally(lake, attributions, CONVERSIONS, conversions, target)
                lake.append(
                    attributions,
                    ATTRIBUTIONS,
                    delta.attributions,
                    learnt=stamps.take(attributions),
                    transactions=[*target.transactions(), *tally.transactions(CONVERSIONS)],
                )
            cover_days(lake, delta.counts)
            tally = _tally(lake, counts, CLICKS, facts.clicks.height, target)
            lake.append(
                counts,
                CLICK_COUNTS,
                delta.counts,
                transactions=[*target.transactions(), *tally.transactions(CLICKS)],
                metadata=derived_by(agents.list_version, rules),
            )
        except CommitConflictError:
            continue


def derived_by(list_version: str, rules: SegmentRules) -> dict[str, str]:
    """What a commit of the counts says about how they were derived: what is no longer so is derived anew."""
    values = (list_version, json.dumps(asdict(rules)), DERIVATION_VERSION)
    return dict(zip(DERIVATION, values, strict=True))


def _tally(lake: Lake, rollup: DeltaTable, facts: TableSpec, folded: int, target: Versions) -> Tally:
    """What the roll-up holds of the facts once `folded` more of their rows are in it."""
    version: int = getattr(target, facts.name)
    there = row_count(lake.at(facts, max(version, 0)))
    return Tally(version, held_rows(lake, rollup, facts) + folded, there, said_at=rollup.version() + 1)


def _next(lake: Lake, held: Versions) -> Versions:
    """The newest versions; of the clicks, no more than fit into the memory."""
    newest = {spec.name: lake.open(spec).version() for spec in (CONVERSIONS, SIGNALS)}
    version, rows = held.clicks, 0
    for commit in lake.commits(CLICKS, range(held.clicks + 1, lake.open(CLICKS).version() + 1)):
        version = commit.version
        summary = summary_of(commit)
        rows += summary.identity.clicks if summary is not None else 0
        if rows >= CLICKS_AT_A_TIME:
            break
    return Versions(clicks=version, **newest)


def _new_facts(lake: Lake, agents: UserAgents, held: Versions, target: Versions, now: datetime) -> NewFacts:
    clicks = _brought(lake, CLICKS, held.clicks + 1, target.clicks)
    conversions = _brought(lake, CONVERSIONS, held.conversions + 1, target.conversions)
    signals = _brought(lake, SIGNALS, held.signals + 1, target.signals)
    _judge_unjudged(lake, agents, clicks, now)
    return NewFacts(
        clicks=judge(clicks.drop("day", "status", "source", "batch"), agents.verdicts()).collect(),
        events=pl.concat([conversion_events(conversions), impression_events(signals)]).collect(),
        table=lake.at(CLICKS, max(target.clicks, 0)),
    )


def _judge_unjudged(lake: Lake, agents: UserAgents, clicks: pl.LazyFrame, now: datetime) -> None:
    """A sync judges agents before it commits their clicks, but one of another release does by lists of its own."""
    unjudged = unjudged_agents(clicks, agents.verdicts())
    if unjudged.height:
        known = lake.scan(lake.open(USER_AGENTS), USER_AGENTS).join(unjudged.lazy(), on="user_agent_id", how="semi")
        logged = known.select("user_agent", logged_id="user_agent_id").collect()
        UserAgents(lake, agents.list_version).judge(logged, now)  # `agents` judges the next batch meanwhile


def unjudged_agents(clicks: pl.LazyFrame, verdicts: pl.LazyFrame) -> pl.DataFrame:
    """`user_agent_id` of the agents of clicks on which the verdicts say nothing."""
    agents = clicks.select("user_agent_id").drop_nulls().unique()
    return agents.join(verdicts, on="user_agent_id", how="anti").collect(engine="streaming")


def _brought(lake: Lake, spec: TableSpec, first: int, last: int) -> pl.LazyFrame:
    """The rows that the commits from `first` to `last` added; commits that only rearranged files add none."""
    commits = lake.commits(spec, range(first, last + 1))
    paths = [f"{lake.uri(spec)}/{path}" for commit in commits for path in commit.brought]
    return lake.scan_files(spec, sorted(paths))


def cover_days(lake: Lake, counts: pl.DataFrame) -> None:
    """Coverage goes first: it may run ahead of the counts, never behind. Adding a row twice changes nothing."""
    found = cover(counts)
    if found.is_empty():
        return
    while True:
        table = lake.open(COVERAGE)
        known = lake.scan(table, COVERAGE).group_by("handle", "dimension").agg(known_from=pl.col("from_day").min())
        earlier = (
            found.lazy()
            .join(known, on=["handle", "dimension"], how="left")
            .filter(pl.col("known_from").is_null() | (pl.col("from_day") < pl.col("known_from")))
            .select(list(COVERAGE.columns))
            .sort("handle", "dimension")
            .collect()
        )
        if earlier.is_empty():
            return
        try:
            lake.append(table, COVERAGE, earlier)
        except CommitConflictError:
            continue
        return
