"""Fewer, sorted files: merges what batches appended, drops what no reader needs. Changes no number.

Only small files are merged, so that a row is written again a few times in its life, however large its partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import polars as pl
import structlog
from deltalake import CommitProperties

from analytics_core.model import SegmentRules
from analytics_core.store.commit_time import Stamps
from analytics_core.store.delta_log_retention import clean_log, keep_log
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.growth import grow
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import (
    ATTRIBUTIONS,
    BATCH_SUMMARIES,
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
from analytics_core.store.parts import Part, parts_of
from ingest.clicks.batch_summaries import keep_summaries
from ingest.clicks.user_agents import UserAgents
from ingest.rollups.catch_up import catch_up
from ingest.rollups.click_counts import merge_counts
from ingest.rollups.rebuild import bring_up_to_date

FILES_A_PARTITION: Final = 24  # from so many on, a sync merges a partition of the roll-ups by itself
MERGED_ROWS: Final = 500_000  # are merged at a time, and a file of half as many is let be: memory stays bounded
_MERGED_BYTES: Final = 32 * 2**20  # of files, alike; only batch summaries have rows of many bytes
_FACTS: Final = (
    (CLICKS, ["day", "handle", "at"]),
    (CONVERSIONS, ["day", "handle", "at"]),
    (SIGNALS, ["day", "handle", "at"]),
    (ATTRIBUTIONS, ["month", "handle", "slot"]),
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Compaction:
    """How many files a table had, and has."""

    table: str
    files_before: int
    files_after: int


def compact(lake: Lake, agents: UserAgents, rules: SegmentRules, stamps: Stamps) -> list[Compaction]:
    """Compacts every table, then deletes files that no version of the last seven days needs. Raises LakeFormatError,
    like a sync."""
    grow(lake)
    before = {spec.name: len(files_of(lake.open(spec))) for spec in TABLES}
    for misfit in bring_up_to_date(lake, agents, rules, stamps):
        log.error("rollups_derived_anew", because=str(misfit))
    compact_counts(lake, least_files=2)
    for spec, order in _FACTS:
        _merge_partitions(lake, spec, lambda rows, order=order: rows.sort(order))
    _merge_partitions(lake, VERDICTS, lambda rows: rows.unique("user_agent_id", keep="first", maintain_order=True))
    _merge_partitions(lake, USER_AGENTS, lambda rows: rows.unique("user_agent_id", keep="first", maintain_order=True))
    _merge_partitions(lake, COVERAGE, _least_days)
    for spec in TABLES:
        keep_log(lake, spec)
    _merge_partitions(lake, BATCH_SUMMARIES, lambda rows: rows.sort("source", "number"))
    for spec in TABLES:
        table = lake.open(spec)
        said = CommitProperties(custom_metadata=lake.said_of(spec, table))
        table.vacuum(dry_run=False, full=True, commit_properties=said)
        table.create_checkpoint()
    keep_summaries(lake)  # now that there is the last checkpoint up to which the log may be cleaned
    catch_up(lake, agents, rules, stamps)  # or the log would lose the versions of the facts that the roll-ups name
    for spec in TABLES:
        clean_log(lake, spec)
    return [Compaction(spec.name, before[spec.name], len(files_of(lake.open(spec)))) for spec in TABLES]


def compact_counts(lake: Lake, least_files: int = FILES_A_PARTITION) -> None:
    """Merges the rows of one key in each partition of the roll-ups that has at least so many files."""
    _merge_partitions(lake, CLICK_COUNTS, lambda rows: merge_counts(rows.lazy()), least_files)


def _merge_partitions(
    lake: Lake, spec: TableSpec, merge: Callable[[pl.DataFrame], pl.DataFrame], least_files: int = 2
) -> None:
    for partition in sorted({tuple(sorted(part.partition.items())) for part in parts_of(lake.open(spec))}):
        _merge_partition(lake, spec, dict(partition), merge, least_files)


def _merge_partition(
    lake: Lake,
    spec: TableSpec,
    partition: Mapping[str, str],
    merge: Callable[[pl.DataFrame], pl.DataFrame],
    least_files: int,
) -> None:
    """Merges the small files of one partition, as many at a time as the memory holds. Whoever comes second starts
    again: nothing is merged twice.
    """
    while True:
        table = lake.open(spec)
        small = [part for part in parts_of(table) if part.partition == partition and _is_small(part)]
        groups = [some for some in _within_memory(small) if len(some) > 1] if len(small) >= least_files else []
        if not groups:
            return
        frames = (merge(lake.scan(table, spec, _paths(lake, spec, some)).collect()) for some in groups)
        try:
            lake.rearrange(table, spec, chain.from_iterable(groups), frames, metadata=lake.said_of(spec, table))
        except CommitConflictError:
            continue
        return


def _paths(lake: Lake, spec: TableSpec, parts: Sequence[Part]) -> list[str]:
    return [f"{lake.uri(spec)}/{part.path}" for part in parts]


def _within_memory(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """The parts in groups of at most MERGED_ROWS rows and _MERGED_BYTES."""
    some: list[Part] = []
    for part in parts:
        more = [*some, part]
        if sum(one.rows for one in more) > MERGED_ROWS or sum(one.size for one in more) > _MERGED_BYTES:
            yield some
            more = [part]
        some = more
    yield some


def _is_small(part: Part) -> bool:
    return part.rows < MERGED_ROWS / 2 and part.size < _MERGED_BYTES / 2


def _least_days(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("handle", "dimension").agg(pl.col("from_day").min()).sort("handle", "dimension")
