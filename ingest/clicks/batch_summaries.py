"""What every batch did, as its own commit says it; and a table of that, so that the log of commits can be cleaned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import Final

import polars as pl
from deltalake import DeltaTable, Transaction

from analytics_core.store.commit_log import Commit, ForgottenCommitError
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import BATCH_SUMMARIES, CLICKS
from ingest.clicks.balance import BatchSummary, summary_from_json

_SUMMARY: Final = "clickledger"  # of a commit's metadata
_TEXT_AT_A_TIME: Final = 32 * 2**20  # characters of summaries, about: memory stays bounded


class LostBatchesError(Exception):
    """Neither the log of `clicks` nor the table says what some of a source's batches `first` to `last` did."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(first, last)
        self.first = first
        self.last = last


def carried(summary: BatchSummary) -> dict[str, str]:
    """The metadata of the commit that brings the batch."""
    return {_SUMMARY: json.dumps(summary.to_json())}


def summary_of(commit: Commit) -> BatchSummary | None:
    """The batch summary that a commit of `clicks` carries; None for commits that only rearranged files."""
    text = commit.said.get(_SUMMARY)
    return None if text is None else summary_from_json(json.loads(text))


def summaries_between(
    first: int, last: int, source: str, lake: Lake, clicks: DeltaTable
) -> Iterator[tuple[BatchSummary, int]]:
    """The source's batches `first` to `last`, both inclusive, in their order, each with the version of `clicks` that it
    made. `clicks` shows them all.

    Raises LostBatchesError, before any is given, when nobody remembers one of them.
    """
    kept, logged = _logged_from(first, source, lake, clicks)
    of_source = lake.scan(kept, BATCH_SUMMARIES).filter(pl.col("source") == source)
    older = of_source.filter(pl.col("number").is_between(first, last))
    sizes = older.select("number", size=pl.col("summary").str.len_bytes()).collect(engine="streaming")
    lost = sorted(set(range(first, last + 1)).difference(logged, sizes["number"]))
    if lost:
        raise LostBatchesError(lost[0], lost[-1])
    for least, greatest in _ranges(sizes):
        rows = older.filter(pl.col("number").is_between(least, greatest)).sort("number").collect(engine="streaming")
        for text, version in rows.select("summary", "version").iter_rows():
            yield summary_from_json(json.loads(text)), version
    with closing(lake.commits(CLICKS, sorted(logged.values()))) as commits:
        for commit in commits:
            if (summary := summary_of(commit)) is not None:
                yield summary, commit.version


def kept_up_to(kept: DeltaTable) -> int:
    """The version of `clicks` up to which the table has what the log said then; -1 when it has nothing."""
    version = kept.transaction_version(CLICKS.name)
    return -1 if version is None else version


def keep_summaries(lake: Lake) -> None:
    """Writes down what the log of `clicks` says now and the table does not have. Nobody needs the log for its summaries
    then, up to any checkpoint that there was before."""
    clicks = lake.open(CLICKS)
    while True:
        kept = lake.open(BATCH_SUMMARIES)
        logged = lake.logged_versions(CLICKS, kept_up_to(kept) + 1, clicks.version())
        if not logged:
            return
        # Another compaction may keep the same, and clean the log of it then.
        with suppress(CommitConflictError, ForgottenCommitError):
            _keep(lake, kept, logged)


def _keep(lake: Lake, kept: DeltaTable, versions: list[int]) -> None:
    """Adds what these commits of `clicks` say to the table, or the first of them, as many as the memory holds."""
    with closing(lake.commits(CLICKS, versions)) as commits:
        some = _within_memory(commits)
    rows = [
        (summary.source, summary.number, commit.version, commit.said[_SUMMARY])
        for commit in some
        if (summary := summary_of(commit)) is not None
    ]
    frame = pl.DataFrame(rows, schema=BATCH_SUMMARIES.schema, orient="row")
    lake.append(kept, BATCH_SUMMARIES, frame, transactions=[Transaction(CLICKS.name, some[-1].version)])


def _logged_from(first: int, source: str, lake: Lake, clicks: DeltaTable) -> tuple[DeltaTable, dict[int, int]]:
    """The table, and the versions of the source's batches from `first` on that it lacks and the log has, by number."""
    while True:
        kept = lake.open(BATCH_SUMMARIES)
        found: dict[int, int] = {}
        try:
            for version in range(clicks.version(), kept_up_to(kept), -1):
                summary = summary_of(lake.commit(CLICKS, version))
                if summary is None or summary.source != source:
                    continue
                if summary.number >= first:
                    found[summary.number] = version
                if summary.number <= first:
                    break
        except ForgottenCommitError:
            if kept_up_to(lake.open(BATCH_SUMMARIES)) > kept_up_to(kept):  # a compaction cleaned the log meanwhile
                continue
        return kept, found


def _within_memory(commits: Iterable[Commit]) -> list[Commit]:
    some: list[Commit] = []
    size = 0
    for commit in commits:
        some.append(commit)
        size += len(commit.said.get(_SUMMARY, ""))
        if size > _TEXT_AT_A_TIME:
            break
    return some


def _ranges(sizes: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """The least and the greatest number, both inclusive, of batches whose summaries the memory holds together."""
    piece = pl.col("size").cum_sum() // _TEXT_AT_A_TIME
    of_pieces = sizes.sort("number").group_by(piece.alias("piece"), maintain_order=True)
    found = of_pieces.agg(least=pl.col("number").min(), greatest=pl.col("number").max())
    yield from found.select("least", "greatest").iter_rows()
