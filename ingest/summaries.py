"""What every batch did, as its own commit says it; and a table of that, so that the log of commits can be cleaned."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import Final

import polars as pl
from deltalake import DeltaTable, Transaction

from analytics_core.store.commit_log import Commit, ForgottenCommitError
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.lake import Lake
from analytics_core.store.schemas import BATCH_SUMMARIES, CLICKS
from ingest.identity import BatchSummary, summary_from_json

_SUMMARY: Final = "clickledger"  # of a commit's metadata
_TEXT_AT_A_TIME: Final = 32 * 2**20  # characters of summaries, about: memory stays bounded


def carried(summary: BatchSummary) -> dict[str, str]:
    """The metadata of the commit that brings the batch."""
    return {_SUMMARY: json.dumps(summary.to_json())}


def summary_of(commit: Commit) -> BatchSummary | None:
    """The batch summary that a commit of `clicks` carries; None for commits that only rearranged files."""
    text = commit.said.get(_SUMMARY)
    return None if text is None else summary_from_json(json.loads(text))


def summaries_after(number: int, source: str, lake: Lake, clicks: DeltaTable) -> list[tuple[BatchSummary, int]]:
    """The source's batches after `number`, in their order, each with the version of `clicks` that it made: as far as
    the version that `clicks` shows, and as far back as somebody remembers them."""
    found: list[tuple[BatchSummary, int]] = []
    kept = lake.open(BATCH_SUMMARIES)
    for version in range(clicks.version(), kept_up_to(kept), -1):
        try:
            summary = summary_of(lake.commit(CLICKS, version))
        except ForgottenCommitError:
            break
        if summary is None or summary.source != source:
            continue
        if summary.number <= number:
            return found[::-1]
        found.append((summary, version))
    is_wanted = (pl.col("source") == source) & (pl.col("number") > number)
    older = lake.scan(kept, BATCH_SUMMARIES).filter(is_wanted).sort("number").collect(engine="streaming")
    rows = older.select("summary", "version").iter_rows()
    return [*((summary_from_json(json.loads(text)), version) for text, version in rows), *found[::-1]]


def kept_up_to(kept: DeltaTable) -> int:
    """The version of `clicks` up to which the table has what the log said then; -1 when it has nothing."""
    version = kept.transaction_version(CLICKS.name)
    return -1 if version is None else version


def keep_summaries(lake: Lake) -> DeltaTable:
    """Writes down what the log of `clicks` says and the table does not have. Returns `clicks` as of the last commit
    that is in the table then: up to that, nobody needs the log for its summaries."""
    clicks = lake.open(CLICKS)
    while True:
        kept = lake.open(BATCH_SUMMARIES)
        first = lake.oldest_commit(CLICKS, kept_up_to(kept) + 1, clicks.version())
        if first > clicks.version():
            return clicks
        with closing(lake.commits(CLICKS, first, clicks.version())) as commits:
            some = _within_memory(commits)
        rows = [
            (summary.source, summary.number, commit.version, commit.said[_SUMMARY])
            for commit in some
            if (summary := summary_of(commit)) is not None
        ]
        frame = pl.DataFrame(rows, schema=BATCH_SUMMARIES.schema, orient="row")
        with suppress(CommitConflictError):  # with another compaction, which keeps the same
            lake.append(kept, BATCH_SUMMARIES, frame, transactions=[Transaction(CLICKS.name, some[-1].version)])


def _within_memory(commits: Iterable[Commit]) -> list[Commit]:
    some: list[Commit] = []
    size = 0
    for commit in commits:
        some.append(commit)
        size += len(commit.said.get(_SUMMARY, ""))
        if size > _TEXT_AT_A_TIME:
            break
    return some
