"""Fewer, sorted files: merges what batches appended, drops what no reader needs. Changes no number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from analytics_core.model import SegmentRules
from analytics_core.store.lake import CommitConflictError, Lake
from analytics_core.store.schemas import ATTRIBUTIONS, CLICK_COUNTS, CLICKS, CONVERSIONS, COVERAGE, SIGNALS, TABLES
from ingest.agents import Agents
from ingest.derive import merge_counts
from ingest.rebuild import bring_up_to_date
from ingest.rollups import catch_up

FILES_A_PARTITION: Final = 24  # from so many on, a sync merges a partition of the roll-ups by itself
MERGED_ROWS: Final = 4_000_000  # a partition of more rows is packed, not merged: memory stays bounded


@dataclass(frozen=True, slots=True)
class Compaction:
    """How many files a table had, and has."""

    table: str
    files_before: int
    files_after: int


def compact(lake: Lake, rules: SegmentRules, now: datetime) -> list[Compaction]:
    """Compacts every table, then deletes files that no version of the last seven days needs."""
    before = {spec.name: len(lake.open(spec).file_uris()) for spec in TABLES}
    bring_up_to_date(lake, Agents(lake), rules, now)
    compact_counts(lake, least_files=2)
    _compact_coverage(lake)
    for spec in (CLICKS, CONVERSIONS, SIGNALS, ATTRIBUTIONS):
        lake.open(spec).optimize.compact()
    catch_up(lake, rules)
    for spec in TABLES:
        table = lake.open(spec)
        table.vacuum(dry_run=False)
        table.create_checkpoint()
    return [Compaction(spec.name, before[spec.name], len(lake.open(spec).file_uris())) for spec in TABLES]


def compact_counts(lake: Lake, least_files: int = FILES_A_PARTITION) -> None:
    """Merges the rows of one key in each partition of the roll-ups that has at least so many files."""
    for (grain, month), files in sorted(lake.snapshot().counts.items()):
        if len(files) >= least_files:
            _merge_partition(lake, grain, month)


def _merge_partition(lake: Lake, grain: str, month: str) -> None:
    while True:
        table = lake.open(CLICK_COUNTS)
        partition = [("grain", "=", grain), ("month", "=", month)]
        files = table.file_uris(file_pruning_predicate=partition)
        if lake.scan(table, CLICK_COUNTS, files).select(pl.len()).collect().item() > MERGED_ROWS:
            table.optimize.compact(partition_filters=partition)
            return
        merged = merge_counts(lake.scan(table, CLICK_COUNTS, files))
        try:
            lake.replace(table, CLICK_COUNTS, merged, f"grain = '{grain}' AND month = '{month}'")
        except CommitConflictError:
            continue
        return


def _compact_coverage(lake: Lake) -> None:
    while True:
        table = lake.open(COVERAGE)
        least = lake.scan(table, COVERAGE).group_by("handle", "dimension").agg(pl.col("from_day").min())
        try:
            lake.replace(table, COVERAGE, least.sort("handle", "dimension").collect(), None)
        except CommitConflictError:
            continue
        return
