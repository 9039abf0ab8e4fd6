"""Roll-ups catch up in a thread while the next batches are committed: whatever befalls either, nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.logs import realtime_text, requests, write
from support.world import World

from analytics_core.errors import StoreUnavailableError
from ingest import pipeline, sync
from ingest.pipeline import one_behind
from ingest.rollups.catch_up import catch_up
from ingest.sources import open_sources
from ingest.sync_progress import ProgressLines
from ingest.sync_result import SyncResult

FILES, LINES = 6, 5


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The roll-ups lag too far after every batch, and small objects are not read together."""
    monkeypatch.setattr(sync, "CLICKS_AT_A_TIME", 1)
    monkeypatch.setattr(pipeline, "_BUNDLE_OBJECTS", 1)
    for number in range(FILES):
        text = realtime_text(requests(LINES, start=LINES * number))
        write(tmp_path / "logs" / f"{number}.log", text)
    return tmp_path / "logs"


def sync_file_by_file(world: World, logs: Path) -> SyncResult:
    """Every file is a batch, or more."""
    opened = open_sources([str(logs)], None, world.settings, lambda: world.now)
    run = sync.prepare(world.settings, world.lake, world.database, lambda: world.now, ProgressLines())
    return replace(run, settings=run.settings.model_copy(update={"batch_megabytes": 0})).run(opened)


def instead(monkeypatch: pytest.MonkeyPatch, catch: Callable[..., None]) -> None:
    """`catch` in place of `catch_up`, wherever sync calls it in a thread."""

    def caught_up(*known: Any) -> None:
        is_behind = threading.current_thread().name.startswith("clickledger-deriver")
        (catch if is_behind else catch_up)(*known)

    monkeypatch.setattr(sync, "catch_up", caught_up)


def is_whole(world: World) -> bool:
    counted = world.counts().filter(pl.col("grain") == "day")["clicks"].sum()
    kept = world.clicks()["event_id"]
    return counted == kept.len() == kept.n_unique() == FILES * LINES


def holds(world: World) -> bool:
    return all(check["holds"] for check in world.run_json("verify", "--json"))


def test_batches_are_committed_while_roll_ups_catch_up(
    world: World, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = threading.Semaphore(0)
    commit = sync.commit

    def commit_and_tell(*built: Any, **known: Any) -> Any:
        summary = commit(*built, **known)
        committed.release()
        return summary

    def catch(*known: Any) -> None:
        if not overtaken:
            for _ in range(2):  # that which it is for, and the next one
                overtaken.append(committed.acquire(timeout=60))
        catch_up(*known)

    overtaken: list[bool] = []
    monkeypatch.setattr(sync, "commit", commit_and_tell)
    instead(monkeypatch, catch)
    result = sync_file_by_file(world, logs)

    assert result.identity.clicks == FILES * LINES
    assert overtaken == [True, True]
    assert is_whole(world)
    assert holds(world)


def test_a_failure_to_catch_up_fails_the_sync_and_the_next_one_mends_it(
    world: World, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StoreUnavailableError("The disk is full.")

    instead(monkeypatch, fail)
    with pytest.raises(StoreUnavailableError, match="The disk is full"):
        sync_file_by_file(world, logs)
    assert 0 < world.clicks().height < FILES * LINES, "told at the next batch, not at the end"

    instead(monkeypatch, catch_up)
    world.sync(logs)

    assert is_whole(world)
    assert holds(world)


def test_another_sync_that_goes_on_with_the_source_meanwhile_counts_nothing_twice(
    world: World, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def catch(*known: Any) -> None:
        instead(monkeypatch, catch_up)
        world.sync(logs)
        catch_up(*known)

    instead(monkeypatch, catch)
    sync_file_by_file(world, logs)

    assert is_whole(world)
    assert holds(world)


def test_tasks_behind_run_one_after_another_and_all_have_ended_at_the_end() -> None:
    running, order = threading.Lock(), list[int]()

    def task(number: int) -> None:
        assert running.acquire(blocking=False)
        order.append(number)
        running.release()

    with one_behind() as begin:
        for number in range(20):
            begin(lambda number=number: task(number))
    assert order == list(range(20))


def fail() -> None:
    raise ZeroDivisionError


def test_what_a_task_behind_raises_is_told_at_the_next_one() -> None:
    begun: list[str] = []
    with pytest.raises(ZeroDivisionError), one_behind() as begin:  # noqa: PT012
        begin(fail)
        begin(lambda: begun.append("next"))
    assert begun == []


def test_what_the_last_task_behind_raises_is_told_at_the_end() -> None:
    with pytest.raises(ZeroDivisionError), one_behind() as begin:
        begin(fail)


def test_what_the_block_raises_waits_for_the_task_behind() -> None:
    raised, ended = threading.Event(), list[bool]()

    def task() -> None:
        ended.append(raised.wait(60))

    with pytest.raises(KeyboardInterrupt), one_behind() as begin:  # noqa: PT012
        begin(task)
        raised.set()
        raise KeyboardInterrupt
    assert ended == [True]
