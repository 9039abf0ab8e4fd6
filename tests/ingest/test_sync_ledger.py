"""The ledger beside the lake: what a crash or an old backup left out is written down again; the books are proved."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import polars as pl
import pytest
from deltalake import DeltaTable
from sqlalchemy import select
from support.logs import realtime_text, requests, write
from support.world import NOW, World

from analytics_core.model import SegmentRules
from analytics_core.store import tables
from analytics_core.store.commit_log import ForgottenCommitError
from analytics_core.store.commit_time import stamps_of
from analytics_core.store.delta_log_retention import keep_log
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import BATCH_SUMMARIES, CLICK_COUNTS, CLICKS, TableSpec
from analytics_core.store.parts import parts_of
from ingest import compaction
from ingest.clicks import batch_summaries
from ingest.clicks.commit import app_id
from ingest.clicks.sync_ledger import Ledger


def checks(world: World) -> dict[str, dict[str, object]]:
    return {check["name"]: check for check in json.loads(world.run("verify", "--json", check=False).stdout)}


def append(path: Path, first: int, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(realtime_text(requests(count, start=first)))


def test_a_ledger_that_lost_its_last_batches_learns_them_in_their_order(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    database = world.folder / "var" / "clickledger.sqlite"
    append(log, 0, 10)
    world.sync(log)
    shutil.copy(database, tmp_path / "backup")
    for part in range(1, 5):
        append(log, 10 * part, 10)
        world.sync(log)
    for file in database.parent.glob("clickledger.sqlite*"):
        file.unlink()
    shutil.copy(tmp_path / "backup", database)

    append(log, 50, 10)
    after = world.sync(log).identity

    assert (after.lines, after.clicks, after.duplicates) == (10, 10, 0)
    assert all(check["holds"] for check in checks(world).values())


def test_a_batch_that_is_recorded_late_sets_no_progress_back(world: World, tmp_path: Path) -> None:
    """One process committed and stood still; another recorded its batch and the next, then the first went on."""
    log = tmp_path / "live.log"
    append(log, 0, 10)
    world.sync(log)
    lake = world.lake
    commits = lake.commits(CLICKS, range(lake.open(CLICKS).version() + 1))
    [(version, summary)] = [(one.version, found) for one in commits if (found := batch_summaries.summary_of(one))]
    append(log, 10, 10)
    world.sync(log)

    Ledger(world.database).record(summary, version)

    assert world.sync(log).batches == 0


def test_verify_knows_a_batch_that_its_process_has_not_recorded_yet(world: World, tmp_path: Path) -> None:
    for part in range(2):
        world.sync(write(tmp_path / "logs" / f"{part}.gz", realtime_text(requests(5, start=5 * part))))
    source = str(tmp_path / "logs" / "1.gz")
    assert world.lake.open(CLICKS).transaction_version(app_id(source)) == 1
    with world.database.begin() as connection:
        for table in ("batches", "batch_days", "objects"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE source = '{source}'")

    found = checks(world)

    assert all(check["holds"] for check in found.values())
    assert "not yet in the ledger: 1" in str(found["batches"]["detail"])


def let_a_year_pass(lake: Lake) -> None:
    """The files of the log of clicks were written then, and one that no commit names."""
    folder = Path(lake.uri(CLICKS))
    (folder / "day=2020-01-01").mkdir(exist_ok=True)
    (folder / "day=2020-01-01" / "part-0.zstd.parquet").touch()
    for file in (*folder.glob("_delta_log/*"), *folder.glob("day=2020-01-01/*")):
        os.utime(file, (0, 0))


def forget_ledger(world: World) -> None:
    for file in (world.folder / "var").glob("clickledger.sqlite*"):
        file.unlink()
    world.load()


def test_a_lost_database_is_filled_though_the_log_was_cleaned(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    for part in range(3):
        append(log, 5 * part, 5)
        world.sync(log)
    world.run("compact")
    for part in range(3, 5):  # from a checkpoint on that is old enough to clean the log up to it
        let_a_year_pass(world.lake)
        append(log, 5 * part, 5)
        world.sync(log)
        world.run("compact")
    append(log, 25, 5)
    world.sync(log)
    batches, objects = books(world)
    with pytest.raises(ForgottenCommitError):
        world.lake.commit(CLICKS, 3)
    forget_ledger(world)

    assert world.sync(log).identity.lines == 0
    assert books(world) == (batches, objects)
    assert [batch["number"] for batch in batches] == [1, 2, 3, 4, 5, 6]
    assert all(check["holds"] for check in checks(world).values())


def books(world: World) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    with world.database.connect() as connection:
        batches, objects = (
            [dict(row) for row in connection.execute(select(table).order_by(table.c.number)).mappings()]
            for table in (tables.batches, tables.objects)
        )
    return batches, objects


def test_summaries_are_kept_once_whoever_compacts_and_merged_within_memory(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "live.log"
    monkeypatch.setattr(batch_summaries, "_TEXT_AT_A_TIME", 1)  # a commit of summaries each
    for part in range(6):
        append(log, 5 * part, 5)
        world.sync(log)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(batch_summaries.keep_summaries, world.lake) for _ in range(2)]
        assert [one.result() for one in done] == [None, None]
    assert batch_summaries.kept_up_to(world.lake.open(BATCH_SUMMARIES)) == world.lake.open(CLICKS).version()
    kept = world.lake.scan(world.lake.open(BATCH_SUMMARIES), BATCH_SUMMARIES)
    as_kept = kept.sort("number").collect()
    assert as_kept["number"].to_list() == [1, 2, 3, 4, 5, 6]

    largest = max(part.size for part in parts_of(world.lake.open(BATCH_SUMMARIES)))
    monkeypatch.setattr(compaction, "_MERGED_BYTES", 3 * largest)
    compaction.compact(world.lake, world.agents, SegmentRules(), stamps_of(lambda: NOW, world.database))

    table = world.lake.open(BATCH_SUMMARIES)
    assert 2 <= len(parts_of(table)) <= 3
    assert world.lake.scan(table, BATCH_SUMMARIES).sort("number").collect().equals(as_kept)
    found = batch_summaries.summaries_between(2, 6, str(log), world.lake, world.lake.open(CLICKS))  # one at a time
    assert [(summary.number, version) for summary, version in found] == list(
        as_kept.filter(pl.col("number") > 1).select("number", "version").iter_rows()
    )


class Busy(Lake):
    """Whenever its table of summaries is opened, a year passes, and another process commits a batch to the clicks."""

    def __init__(self, url: str, commit_batch: Callable[[], object]) -> None:
        super().__init__(url)
        self.commit_batch = commit_batch

    def open(self, spec: TableSpec) -> DeltaTable:
        if spec is BATCH_SUMMARIES:
            let_a_year_pass(self)
            self.commit_batch()
        return super().open(spec)


def test_a_batch_that_comes_during_a_compaction_is_not_forgotten(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    numbers = count()

    def commit_batch() -> None:
        append(log, 5 * next(numbers), 5)
        world.sync(log)

    commit_batch()
    compaction.compact(
        Busy(world.lake.url, commit_batch), world.agents, SegmentRules(), stamps_of(lambda: NOW, world.database)
    )
    with pytest.raises(ForgottenCommitError):
        world.lake.commit(CLICKS, 3)
    noted = books(world)
    forget_ledger(world)

    assert world.sync(log).identity.lines == 0
    assert books(world) == noted


def test_compactions_that_forbid_the_cleaning_of_the_log_at_once_all_go_on(world: World, tmp_path: Path) -> None:
    append(tmp_path / "live.log", 0, 5)
    world.sync(tmp_path / "live.log")
    at_once = Barrier(6)

    def keep() -> None:
        at_once.wait()
        keep_log(Lake(world.lake.url), CLICKS)

    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(keep) for _ in range(6)]:
            one.result()

    assert world.lake.open(CLICKS).metadata().configuration["delta.enableExpiredLogCleanup"] == "false"


def test_a_compaction_keeps_what_a_log_with_a_hole_still_says(world: World, tmp_path: Path) -> None:
    """A process that was killed while it cleaned the log leaves some of the files that it was to remove."""
    log = tmp_path / "live.log"
    for part in range(5):
        append(log, 5 * part, 5)
        world.sync(log)
    world.lake.open(CLICKS).create_checkpoint()
    Path(world.lake.uri(CLICKS), "_delta_log", f"{3:020d}.json").unlink()

    world.run("compact")

    kept = world.lake.scan(world.lake.open(BATCH_SUMMARIES), BATCH_SUMMARIES).collect()
    assert sorted(kept["number"]) == [1, 2, 4, 5]


def test_batches_between_those_that_are_remembered_are_named_when_they_are_lost(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    for part in range(2):
        append(log, 5 * part, 5)
        world.sync(log)
    world.run("compact")
    for part in range(2, 5):
        append(log, 5 * part, 5)
        world.sync(log)
    lake = world.lake
    lake.open(CLICKS).create_checkpoint()
    versions = range(lake.open(CLICKS).version() + 1)
    at = {
        found.number: version
        for version in versions
        if (found := batch_summaries.summary_of(lake.commit(CLICKS, version)))
    }
    for file in (Path(lake.uri(CLICKS)) / "_delta_log" / f"{version:020d}.json" for version in range(at[4] + 1)):
        file.unlink()
    forget_ledger(world)

    ran = world.run("sync", "--source", str(log), check=False)

    assert ran.returncode == 1
    assert f"The ledger lacks the batches 3 to 4 of {log}" in ran.stderr
    assert "restore a backup of the database that knows batch 4." in ran.stderr
    assert Ledger(world.database).last_number(str(log)) == 0


def test_a_log_that_another_program_cleaned_names_the_batches_that_are_lost(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    for part in range(3):
        append(log, 5 * part, 5)
        world.sync(log)
    world.lake.open(CLICKS).create_checkpoint()
    let_a_year_pass(world.lake)
    append(log, 15, 5)
    world.sync(log)
    world.lake.open(CLICKS).cleanup_metadata()
    forget_ledger(world)

    ran = world.run("sync", "--source", str(log), check=False)

    assert ran.returncode == 1
    assert f"The ledger lacks the batches 1 to 2 of {log}" in ran.stderr
    assert "restore a backup of the database that knows batch 2." in ran.stderr
    with pytest.raises(ForgottenCommitError):
        world.lake.at(CLICKS, 1)
    assert Ledger(world.database).last_number(str(log)) == 0


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("UPDATE batch_days SET clicks = clicks - 1, duplicates = duplicates + 1", "identity"),
        ("UPDATE batch_days SET clicks = clicks - 1", "identity"),
        ("DELETE FROM batch_days", "identity"),
        ("UPDATE batches SET clicks = clicks - 1, duplicates = duplicates + 1", "batches"),
        ("DELETE FROM batches WHERE number = 1", "batches"),
    ],
)
def test_verify_sees_books_that_were_changed(world: World, tmp_path: Path, change: str, name: str) -> None:
    for part in range(2):
        append(tmp_path / "live.log", 5 * part, 5)
        world.sync(tmp_path / "live.log")
    with world.database.begin() as connection:
        connection.exec_driver_sql(change)

    assert not checks(world)[name]["holds"]


def test_verify_sees_a_lake_that_is_older_than_the_ledger(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    append(log, 0, 5)
    world.sync(log)
    shutil.copytree(world.folder / "var" / "lake", tmp_path / "backup")
    append(log, 5, 5)
    world.sync(log)
    shutil.rmtree(world.folder / "var" / "lake")
    shutil.move(tmp_path / "backup", world.folder / "var" / "lake")

    found = checks(world)["batches"]

    assert not found["holds"]
    assert "lost from the lake: 1" in str(found["detail"])


def test_verify_holds_while_a_sync_runs(world: World, tmp_path: Path) -> None:
    world.environment = {"CLICKLEDGER_BATCH_MEGABYTES": "1"}
    for part in range(20):
        write(tmp_path / "logs" / f"{part:02}.gz", realtime_text(requests(1_500, start=1_500 * part)))
    with world.start("sync", "--source", str(tmp_path / "logs")) as syncing:
        during: list[dict[str, dict[str, object]]] = []
        while syncing.poll() is None:
            during.append(checks(world))

    assert during
    assert [one for found in during for one in found.values() if not one["holds"]] == []
    assert all(check["holds"] for check in checks(world).values())
    assert syncing.returncode == 0


def test_compaction_leaves_what_readers_look_for_in_the_newest_commit(world: World, tmp_path: Path) -> None:
    for part in range(3):
        world.sync(write(tmp_path / f"{part}.gz", realtime_text(requests(5, start=5 * part))))
    before = world.lake.derivation(world.lake.open(CLICK_COUNTS))

    for _ in range(2):
        world.run("compact")

    newest = world.lake.commit(CLICK_COUNTS, world.lake.open(CLICK_COUNTS).version())
    assert before is not None
    assert {name: newest.said[name] for name in before} == before
