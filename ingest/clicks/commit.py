"""One batch, committed exactly once: de-duplicated against itself and the lake, balanced, recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import polars as pl
from deltalake import Transaction

from analytics_core.errors import SourceError
from analytics_core.store.commit_time import Stamps
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICKS
from ingest.clicks.balance import BatchSummary, ObjectProgress, identities
from ingest.clicks.batch_summaries import LostBatchesError, carried, summaries_between
from ingest.clicks.buckets import CANDIDATE, SortedLines
from ingest.clicks.click_rows import ClickRows
from ingest.clicks.duplicates import compared, once, unknown
from ingest.clicks.sync_ledger import Ledger
from ingest.rollups.packed_keys import coded, sort_packed

_NO_DAYS: Final = pl.DataFrame(schema={"day": pl.Date, "bucket": pl.String, "lines": pl.Int64})


class SourceMovedError(Exception):
    """Another process committed the next batch of this source: plan again from what it left."""


@dataclass(slots=True)
class Batch:
    """What has been read since the last commit. `ended`: of how many objects everything that is there."""

    candidates: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    days: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    rejected: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    progress: dict[tuple[str, str], ObjectProgress] = field(default_factory=dict[tuple[str, str], ObjectProgress])
    size: int = 0
    ended: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, found: SortedLines, size: int) -> None:
        """Adds what was found in `size` bytes of text; rejected lines have the columns key and version."""
        self.candidates.append(found.candidates)
        self.days.append(found.days)
        if found.rejected.height:
            self.rejected.append(found.rejected)
        self.size += size

    def note(self, progress: ObjectProgress) -> None:
        self.progress[progress.key, progress.version] = progress


def app_id(source: str) -> str:
    """The name under which a source's batches stand in the Delta log."""
    return f"ingest:{source}"


@dataclass(frozen=True, slots=True)
class BuiltBatch:
    """A batch with its facts: `clicks` as ClickRows.build gives them, each once, in the order in which files keep them;
    `conflicts` counts repeated lines that say something else."""

    batch: Batch
    clicks: pl.DataFrame
    conflicts: int


def build(batch: Batch, facts: ClickRows, now: datetime) -> BuiltBatch:
    """What can be done before it is known what the lake holds. Its user agents are in the lake afterwards."""
    clicks, conflicts = once(facts.build(batch.candidates, now))
    batch.candidates.clear()
    ordered = sort_packed(coded(clicks, ["handle"]), ["day", "handle", "at"]).cast({"handle": pl.String})
    return BuiltBatch(batch, ordered, conflicts)


def commit(built: BuiltBatch, source: str, number: int, *, lake: Lake, ledger: Ledger, stamps: Stamps) -> BatchSummary:
    """Commits the batch as `number` of its source. Raises SourceMovedError when another process was first."""
    batch, clicks = built.batch, built.clicks
    _keep_rejects(batch, source, ledger, stamps.clock())
    while True:
        table = lake.open(CLICKS)
        if (table.transaction_version(app_id(source)) or 0) != number - 1:
            raise SourceMovedError(source)
        fresh, conflicts = unknown(lake, table, clicks)
        learnt = stamps.take(table)
        summary = _summarise(built, fresh, source=source, number=number, conflicts=conflicts, learnt_at=learnt.at)
        rows = fresh.with_columns(source=pl.lit(source), batch=pl.lit(number, dtype=pl.Int64))
        try:
            version = lake.append(
                table,
                CLICKS,
                rows,
                learnt=learnt,
                transactions=[Transaction(app_id(source), number), *compared(table, learnt.at)],
                metadata=carried(summary),
            )
        except CommitConflictError:
            continue
        break
    ledger.record(summary, version)
    return summary


def recover(source: str, lake: Lake, ledger: Ledger) -> int:
    """Records batches that were committed by a process that died before it could; the source's last batch number."""
    recorded = ledger.last_number(source)  # before the lake, which another process's batch reaches first
    table = lake.open(CLICKS)
    committed = table.transaction_version(app_id(source)) or 0
    if committed < recorded:
        raise SourceError(
            f"The ledger knows {recorded} batches of {source}, the lake holds {committed}: restore the lake, or start "
            "with a database that knows nothing of it."
        )
    if committed > recorded:
        try:
            for summary, version in summaries_between(recorded + 1, committed, source, lake, table):
                ledger.record(summary, version)
        except LostBatchesError as lost:
            raise SourceError(
                f"The ledger lacks the batches {lost.first} to {lost.last} of {source}, and the lake's log was cleaned "
                f"of what they read: restore a backup of the database that knows batch {lost.last}."
            ) from None
    return committed


def _summarise(
    built: BuiltBatch, fresh: pl.DataFrame, *, source: str, number: int, conflicts: int, learnt_at: datetime
) -> BatchSummary:
    batch = built.batch
    days = pl.concat([_NO_DAYS, *batch.days]).group_by("day", "bucket").agg(pl.col("lines").sum())
    clicks = fresh.group_by("day").agg(clicks=pl.len().cast(pl.Int64))
    candidates = days.filter(pl.col("bucket") == CANDIDATE).join(clicks, on="day", how="left").fill_null(0)
    split = [
        candidates.select("day", bucket=pl.lit("clicks"), lines="clicks"),
        candidates.select("day", bucket=pl.lit("duplicates"), lines=pl.col("lines") - pl.col("clicks")),
    ]
    return BatchSummary(
        source=source,
        number=number,
        days=identities(pl.concat([days.filter(pl.col("bucket") != CANDIDATE), *split])),
        objects=tuple(batch.progress.values()),
        conflicts=conflicts + built.conflicts,
        learnt_at=learnt_at.isoformat(),
        seconds=round(time.monotonic() - batch.started, 3),
        reasons=_reasons(batch),
    )


def _reasons(batch: Batch) -> dict[str, int]:
    if not batch.rejected:
        return {}
    counted = pl.concat(batch.rejected).group_by("reason").len().sort("reason")
    return dict(counted.iter_rows())


def _keep_rejects(batch: Batch, source: str, ledger: Ledger, now: datetime) -> None:
    if batch.rejected:
        ledger.keep_rejects(source, pl.concat(batch.rejected), now)
