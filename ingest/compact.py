"""Fewer, sorted files: merges what batches appended, drops what no reader needs. Changes no number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl
from deltalake import CommitProperties, DeltaTable

from analytics_core.model import SegmentRules
from analytics_core.store.lake import CommitConflictError, Lake, files_of, partition_values
from analytics_core.store.learnt import Clock
from analytics_core.store.schemas import (
    ATTRIBUTIONS,
    CLICK_COUNTS,
    CLICKS,
    CONVERSIONS,
    COVERAGE,
    SIGNALS,
    TABLES,
    USER_AGENTS,
    VERDICTS,
    TableSpec,
)
from ingest.agents import Agents
from ingest.derive import merge_counts
from ingest.rebuild import bring_up_to_date
from ingest.rollups import catch_up

FILES_A_PARTITION: Final = 24  # from so many on, a sync merges a partition of the roll-ups by itself
MERGED_ROWS: Final = 4_000_000  # of a partition are merged at a time: memory stays bounded
_FACTS: Final = (
    (CLICKS, ["day", "handle", "at"]),
    (CONVERSIONS, ["day", "handle", "at"]),
    (SIGNALS, ["day", "handle", "at"]),
    (ATTRIBUTIONS, ["month", "handle", "slot"]),
)


@dataclass(frozen=True, slots=True)
class Compaction:
    """How many files a table had, and has."""

    table: str
    files_before: int
    files_after: int


def compact(lake: Lake, rules: SegmentRules, clock: Clock) -> list[Compaction]:
    """Compacts every table, then deletes files that no version of the last seven days needs."""
    before = {spec.name: len(files_of(lake.open(spec))) for spec in TABLES}
    bring_up_to_date(lake, Agents(lake), rules, clock)
    compact_counts(lake, least_files=2)
    for spec, order in _FACTS:
        _merge_partitions(lake, spec, lambda rows, order=order: rows.sort(order))
    _merge_partitions(lake, VERDICTS, lambda rows: rows.unique("user_agent_id", keep="first", maintain_order=True))
    _merge_partitions(lake, USER_AGENTS, lambda rows: rows.unique("user_agent_id", keep="first", maintain_order=True))
    _merge_partitions(lake, COVERAGE, _least_days)
    catch_up(lake, rules, clock)
    for spec in TABLES:
        table = lake.open(spec)
        said = CommitProperties(custom_metadata=_said_of(lake, spec, table))
        table.vacuum(dry_run=False, full=True, commit_properties=said)
        table.create_checkpoint()
    return [Compaction(spec.name, before[spec.name], len(files_of(lake.open(spec)))) for spec in TABLES]


def compact_counts(lake: Lake, least_files: int = FILES_A_PARTITION) -> None:
    """Merges the rows of one key in each partition of the roll-ups that has at least so many files."""
    _merge_partitions(lake, CLICK_COUNTS, lambda rows: merge_counts(rows.lazy()), least_files)


def _merge_partitions(
    lake: Lake, spec: TableSpec, merge: Callable[[pl.DataFrame], pl.DataFrame], least_files: int = 2
) -> None:
    partitions: dict[tuple[tuple[str, str], ...], int] = {}
    for path in files_of(lake.open(spec)):
        values = partition_values(path)
        key = tuple((name, values[name]) for name in spec.partition_by)
        partitions[key] = partitions.get(key, 0) + 1
    for key, files in sorted(partitions.items()):
        if files >= least_files:
            _merge_partition(lake, spec, key, merge)


def _merge_partition(
    lake: Lake, spec: TableSpec, key: tuple[tuple[str, str], ...], merge: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    """Replaces one partition by its merged rows, as many at a time as the memory holds. Whoever comes second starts
    again: nothing is merged twice.
    """
    while True:
        table = lake.open(spec)
        files = sorted(files_of(table, [(name, "=", value) for name, value in key]))
        if len(files) <= 1:
            return
        frames = (merge(lake.scan(table, spec, some).collect()) for some in _within_memory(lake, table, spec, files))
        try:
            lake.replace(table, spec, frames, dict(key), metadata=_said_of(lake, spec, table))
        except CommitConflictError:
            continue
        return


def _said_of(lake: Lake, spec: TableSpec, table: DeltaTable) -> dict[str, str] | None:
    """What a commit that changes no number says all the same, so that readers need to look at the newest one alone."""
    return lake.derivation(table) if spec is CLICK_COUNTS else None


def _within_memory(lake: Lake, table: DeltaTable, spec: TableSpec, files: list[str]) -> Iterator[list[str]]:
    """The files in groups of at most MERGED_ROWS rows, or of one."""
    some: list[str] = []
    rows = 0
    for path in files:
        more = lake.scan(table, spec, [path]).select(pl.len()).collect().item()
        if some and rows + more > MERGED_ROWS:
            yield some
            some, rows = [], 0
        some, rows = [*some, path], rows + more
    yield some


def _least_days(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("handle", "dimension").agg(pl.col("from_day").min()).sort("handle", "dimension")
