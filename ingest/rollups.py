"""Keeps the roll-ups in step with the facts: appended batch by batch, caught up after a crash, rebuilt when asked.

The roll-up table carries the Delta transaction `clicks` = the version of `clicks` that it was derived from. A version
is folded in exactly once, whoever tries; the next sync folds in what a crashed one left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl
from deltalake import DeltaTable, Transaction

from analytics_core.store.lake import CommitConflictError, Lake
from analytics_core.store.schemas import CLICK_COUNTS, CLICKS, COVERAGE, USER_AGENTS, VERDICTS
from ingest.agents import Agents, stable_hash
from ingest.classify import LIST_VERSION
from ingest.derive import QUARTER_HOUR, count_clicks, cover, judge, judge_method

SUMMARY_KEY = "clickledger"
_LISTS = {"list_version": LIST_VERSION}


def fold_in(lake: Lake, judged: pl.DataFrame, version: int) -> None:
    """Adds the clicks that commit `version` brought, with the `bot_rule` and `device` of their user agents."""
    while True:
        table = lake.open(CLICK_COUNTS)
        derived = lake.derived_from(table)
        if derived >= version:
            return
        if derived < version - 1:
            catch_up(lake, version - 1)
            continue
        if _append(
            lake, table, count_clicks(judge_method(judged.lazy()).with_columns(segment=pl.lit("unknown"))), version
        ):
            return


def catch_up(lake: Lake, until: int | None = None) -> None:
    """Folds in every commit of `clicks` up to `until` (default: all) that the roll-ups lack."""
    clicks = lake.open(CLICKS)
    last = clicks.version() if until is None else until
    while True:
        table = lake.open(CLICK_COUNTS)
        derived = lake.derived_from(table)
        if derived >= last:
            return
        judged = judge(_brought(lake, clicks, derived + 1), current_verdicts(lake))
        _append(lake, table, count_clicks(judged.with_columns(segment=pl.lit("unknown"))), derived + 1)


def current_verdicts(lake: Lake) -> pl.LazyFrame:
    table = lake.open(VERDICTS)
    files = table.file_uris(file_pruning_predicate=[("list_version", "=", LIST_VERSION)])
    return lake.scan(table, VERDICTS, files)


def _append(lake: Lake, table: DeltaTable, counts: pl.DataFrame, version: int) -> bool:
    _cover(lake, counts)
    try:
        lake.append(
            table,
            CLICK_COUNTS,
            counts,
            transactions=[Transaction(CLICKS.name, version)],
            metadata=_LISTS,
        )
    except CommitConflictError:
        return False
    return True


def _cover(lake: Lake, counts: pl.DataFrame) -> None:
    """Coverage goes first: it may run ahead of the counts, never behind. Adding a row twice changes nothing."""
    found = cover(counts.filter(pl.col("grain") == QUARTER_HOUR))
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


def _brought(lake: Lake, clicks: DeltaTable, version: int) -> pl.LazyFrame:
    """The rows that one commit of `clicks` added; none for commits that only rearranged files."""
    entry = next((one for one in clicks.history(clicks.version() - version + 1) if one["version"] == version), None)
    if entry is None or SUMMARY_KEY not in entry:
        return lake.scan(clicks, CLICKS, [])
    then = DeltaTable(lake.uri(CLICKS), version=version, storage_options=lake.storage_options)
    files = set(then.file_uris())
    if version:
        then.load_as_version(version - 1)
        files -= set(then.file_uris())
    return lake.scan(clicks, CLICKS, sorted(files))


def bring_up_to_date(lake: Lake, agents: Agents, now: datetime) -> None:
    """What sync and compact do first: count anew when the lists have changed, else fold in what a crash left out."""
    if lake.list_version(lake.open(CLICK_COUNTS)) not in (None, LIST_VERSION):
        rebuild(lake, agents, now)
    catch_up(lake)


def rebuild(lake: Lake, agents: Agents, now: datetime) -> None:
    """Judges every known agent by the current lists and derives the roll-ups from the facts again, month by month.

    Verdicts of older lists stay beside the new ones. A month is replaced in one commit; the last commit says which
    lists the roll-ups hold, so that a rebuild that was cut short starts again, as does one that another process's
    batch came into.
    """
    known = lake.scan(lake.open(USER_AGENTS), USER_AGENTS).select("user_agent").collect()
    agents.judge(known.with_columns(logged_id=stable_hash("user_agent")), now)
    while True:
        try:
            _rebuild(lake)
        except CommitConflictError:
            continue
        return


def count_days(lake: Lake, clicks: DeltaTable, files: Iterable[str], verdicts: pl.LazyFrame) -> pl.DataFrame:
    """CLICK_COUNTS rows of files of `clicks`, one day in memory at a time: days share no slot."""
    days: dict[str, list[str]] = {}
    for path in files:
        days.setdefault(path.split("/day=", 1)[1][:10], []).append(path)
    counts = [
        count_clicks(judge(lake.scan(clicks, CLICKS, days[day]), verdicts).with_columns(segment=pl.lit("unknown")))
        for day in sorted(days)
    ]
    return pl.concat(counts).sort("grain", "month", "handle", "slot", maintain_order=True)


def files_by_month(clicks: DeltaTable) -> dict[str, list[str]]:
    months: dict[str, list[str]] = {}
    for path in sorted(clicks.file_uris()):
        months.setdefault(path.split("/day=", 1)[1][:7], []).append(path)
    return dict(sorted(months.items()))


def _rebuild(lake: Lake) -> None:
    """Raises CommitConflictError when the roll-ups move meanwhile: every commit stands on the one before it."""
    table = lake.open(CLICK_COUNTS)
    clicks = lake.open(CLICKS)
    verdicts = current_verdicts(lake)
    for month, files in files_by_month(clicks).items():
        counts = count_days(lake, clicks, files, verdicts)
        _cover(lake, counts)
        lake.replace(table, CLICK_COUNTS, counts, f"month = '{month}'")
    derived = Transaction(CLICKS.name, clicks.version())
    nothing = pl.DataFrame(schema=CLICK_COUNTS.schema)
    lake.append(table, CLICK_COUNTS, nothing, transactions=[derived], metadata=_LISTS)
