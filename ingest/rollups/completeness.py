"""Whether the roll-ups hold as many clicks and conversions as the facts have: asked by every sync, and told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import polars as pl
from deltalake import DeltaTable

from analytics_core.store.commit_log import ForgottenCommitError
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICK_COUNTS, CLICKS, CONVERSIONS, DAY, TableSpec
from analytics_core.store.parts import row_count
from analytics_core.store.tally import Tally, tally_of

_TALLIED: Final = ((CLICK_COUNTS, CLICKS), (ATTRIBUTIONS, CONVERSIONS))


@dataclass(frozen=True, slots=True)
class Misfit:
    """The roll-ups `held` another number of rows of the table `facts` than its `rows`."""

    facts: str
    held: int
    rows: int

    def __str__(self) -> str:
        return f"the roll-ups held {self.held:,} {self.facts} where there are {self.rows:,}"


def held_rows(lake: Lake, rollup: DeltaTable, facts: TableSpec) -> int:
    """How many rows of the facts the roll-up holds: as its newest commit says. When another commit came after that
    (of a compaction, or of another release), they are counted."""
    said = tally_of(rollup, facts)
    return said.held if said is not None and said.said_at == rollup.version() else _counted(lake, rollup, facts)


def _counted(lake: Lake, rollup: DeltaTable, facts: TableSpec) -> int:
    if facts is CLICKS:
        of_days = lake.scan(rollup, CLICK_COUNTS).filter(pl.col("grain") == DAY)
        return of_days.select(pl.col("clicks").sum()).collect(engine="streaming").item()
    rows = lake.scan(rollup, ATTRIBUTIONS).filter(pl.col("conversions") > 0)
    return rows.select(pl.struct("handle", "event_id").n_unique()).collect(engine="streaming").item()


def find_misfits(lake: Lake) -> list[Misfit]:
    """The roll-ups that do not fit their facts. Each says so in its own log from now on, so that no reader answers from
    it until it was derived anew.
    """
    return [misfit for rollup, facts in _TALLIED if (misfit := _find_misfit(lake, rollup, facts)) is not None]


def _find_misfit(lake: Lake, spec: TableSpec, facts: TableSpec) -> Misfit | None:
    while True:
        rollup = lake.open(spec)
        version = rollup.transaction_version(facts.name)
        if version is None or version < 0:
            return None
        said, held = tally_of(rollup, facts), held_rows(lake, rollup, facts)
        found = Tally(version, held, _rows_at(lake, facts, version), said_at=rollup.version())
        if found != said:
            try:
                _say(lake, rollup, spec, facts, replace(found, said_at=rollup.version() + 1))
            except CommitConflictError:
                continue
        return None if found.fits else Misfit(facts.name, found.held, found.facts)


def _say(lake: Lake, rollup: DeltaTable, spec: TableSpec, facts: TableSpec, tally: Tally) -> None:
    """Commits the tally alone: what was counted once is not counted again, and no reader answers from a misfit."""
    lake.rearrange(rollup, spec, (), (), transactions=tally.transactions(facts), metadata=lake.said_of(spec, rollup))


def _rows_at(lake: Lake, facts: TableSpec, version: int) -> int:
    """The rows of the facts up to a commit. What came after it and only rearranged files left the number as it was.

    That may be unknown: release 0.1.0 did not say which commit was the last that appended rows. Where the log forgot
    the commit as well, it was a day ago or more, and the roll-ups have caught up since.
    """
    table = lake.open(facts)
    if lake.newest_append(facts, table) <= version:
        return row_count(table)
    try:
        return row_count(lake.at(facts, version))
    except ForgottenCommitError:
        return row_count(table)
