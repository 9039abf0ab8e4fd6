"""Scheduled exports of several processes at once, on each database: added once, made once, blocked by no kill."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from support import forks
from support.logs import Request, realtime_text, write
from support.world import World

from analytics_core.exports.schedules import saved
from analytics_core.store import tables

# `deliver` that hangs when it first writes a file, once it has told so.
STUCK = """
import pathlib, sys, time
from analytics_core.exports import scheduled_runs
from ingest.__main__ import main

def hang(*_):
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(600)

scheduled_runs._write = hang
main(["deliver"])
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def on_a_database(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[World]:
    """A world with a daily delivery of which several periods are due."""
    if request.param == "postgresql":
        world = replace(world, environment={"CLICKLEDGER_DATABASE_URL": request.getfixturevalue("postgresql")})
        world.load()
    write(world.folder / "logs" / "a.gz", realtime_text([Request(1)]))
    world.run("sync", "--source", str(world.folder / "logs"))
    words = ("--handle", "acme", "--query", "groupBy=day&tz=UTC", "--to", str(tmp_path / "out"))
    world.run("deliveries", "add", *words)
    database = world.database
    with database.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=4)
        connection.execute(tables.deliveries.update().values(created_at=long_ago))
    yield world
    database.engine.dispose()


def exports_made(world: World) -> list[str]:
    database = world.database
    with database.connect() as connection:
        found = connection.execute(select(tables.exports.c.id).order_by(tables.exports.c.id)).scalars().all()
    database.engine.dispose()
    return list(found)


def test_deliveries_that_are_added_at_once_do_not_overwrite_each_other(on_a_database: World, tmp_path: Path) -> None:
    words = ("--handle", "acme", "--query", "groupBy=country&tz=UTC", "--to", str(tmp_path / "new"))
    running = [on_a_database.start("deliveries", "add", *words) for _ in range(4)]
    told = [process.communicate(timeout=120)[1] for process in running]

    assert sorted(process.wait() for process in running) == [0, 1, 1, 1]
    assert sum("writes files of the same names" in one for one in told) == 3
    assert len(saved(on_a_database.database, "acme")) == 2  # and that of the fixture


def test_processes_that_deliver_at_once_make_each_period_once(on_a_database: World, tmp_path: Path) -> None:
    running = [on_a_database.start("deliver", "--json") for _ in range(3)]
    runs = [run for process in running for run in json.loads(process.communicate(timeout=120)[0])]

    assert [process.returncode for process in running] == [0, 0, 0]
    assert {run["outcome"] for run in runs} == {"delivered"}
    assert len({run["from_day"] for run in runs}) == len(runs) == 5
    assert exports_made(on_a_database) == sorted(run["export_id"] for run in runs)
    for run in runs:
        manifest = json.loads(Path(f"{run['file']}.manifest.json").read_text())
        assert manifest["id"] == run["export_id"]
        assert manifest["sha256"] == hashlib.sha256(Path(run["file"]).read_bytes()).hexdigest()


def test_a_process_that_is_killed_blocks_no_period(on_a_database: World, tmp_path: Path) -> None:
    """It has made an export and is about to write its file."""
    words = [sys.executable, "-c", STUCK, str(tmp_path / "stuck")]
    stuck = forks.start(words, on_a_database.process_environment(), tmp_path)
    while not (tmp_path / "stuck").exists():
        assert stuck.poll() is None
        time.sleep(0.05)
    stuck.kill()
    stuck.wait()

    assert on_a_database.run_json("deliver") == {"delivered": 5, "skipped": 0, "failed": 0}

    assert len(list((tmp_path / "out").glob("*.csv"))) == 5
    assert len(exports_made(on_a_database)) == 6  # that of the one which was killed too
