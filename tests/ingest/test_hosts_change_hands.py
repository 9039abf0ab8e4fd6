"""A host that belongs to another handle by now: what was counted for the one is not counted for the other again."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import Transaction
from support.logs import Request, age, realtime_text, standard_text, write
from support.world import ACCOUNTS, World

from ingest.clicks import duplicates

MIDNIGHT = datetime(2026, 3, 11, tzinfo=UTC)
MOVING = [Request(number, host="go.acme.example") for number in range(4)]
NOBODY_KNOWS_YET = Request(9, host="new.zed.example")


def moved() -> Mapping[str, Any]:
    """The accounts after acme gave its domain to zed, which got another one besides."""
    accounts = copy.deepcopy(ACCOUNTS)
    acme, zed = accounts["handles"]
    acme["domains"], zed["domains"] = [], ["go.acme.example", "new.zed.example"]
    return accounts


def clicks_by_handle(world: World) -> dict[str, int]:
    return dict(world.clicks().group_by("handle").len().iter_rows())


def unique(world: World) -> str:
    [detail] = [one["detail"] for one in world.run_json("verify", "--json") if one["name"] == "unique"]
    return detail


def test_a_full_sync_counts_what_was_unknown_and_nothing_twice(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "1.gz", realtime_text([*MOVING, NOBODY_KNOWS_YET]))
    world.sync(log)
    world.load(moved())
    again = world.sync(log, full=True).identity

    assert (again.clicks, again.duplicates, again.unknown_hosts) == (1, 4, 0)
    assert clicks_by_handle(world) == {"acme": 4, "zed": 1}
    assert unique(world) == "0 clicks are counted twice"


def test_a_later_log_of_the_same_requests_counts_nothing(world: World, tmp_path: Path) -> None:
    beside_midnight = [Request(20, host="go.acme.example", at=MIDNIGHT - timedelta(seconds=1))]
    world.sync(write(tmp_path / "realtime.gz", realtime_text([*MOVING, *beside_midnight])))
    world.load(moved())
    late = [*MOVING, *(one.but(at=MIDNIGHT) for one in beside_midnight), MOVING[0].but(number=30)]
    again = world.sync(write(tmp_path / "standard.gz", standard_text(late))).identity

    assert (again.clicks, again.duplicates) == (1, 5)
    assert clicks_by_handle(world) == {"acme": 5, "zed": 1}
    with world.database.connect() as connection:  # each says another handle than the line that was kept
        assert connection.exec_driver_sql("SELECT sum(conflicts) FROM batches").scalar() == 5


def test_a_log_that_is_read_on_from_its_beginning_counts_nothing_twice(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "access.log", realtime_text(MOVING))
    world.sync(log)
    world.load(moved())
    log.write_text(realtime_text([Request(50, host="go.acme.example"), *MOVING]))
    age(log)
    world.sync(log)

    assert clicks_by_handle(world) == {"acme": 4, "zed": 1}


def test_requests_that_release_0_1_0_counted_for_two_handles_are_told_and_no_fault(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_said(*_: object) -> list[Transaction]:
        return []

    log = write(tmp_path / "1.gz", realtime_text([*MOVING, NOBODY_KNOWS_YET]))
    with monkeypatch.context() as release:  # which compared within one handle, and said nothing of others
        release.setattr(duplicates, "_SAME_DAY", ["handle", "day", "event_id"])
        release.setattr("ingest.clicks.commit.compared", nothing_said)
        world.sync(log)
        world.load(moved())
        world.sync(log, full=True)
    assert clicks_by_handle(world) == {"acme": 4, "zed": 5}
    assert unique(world) == "0 clicks are counted twice; requests that release 0.1.0 counted for several handles: 4"

    world.now += timedelta(minutes=1)
    world.sync(write(tmp_path / "2.gz", realtime_text([*MOVING, Request(60)])))
    assert clicks_by_handle(world) == {"acme": 5, "zed": 5}
    assert unique(world) == "0 clicks are counted twice; requests that release 0.1.0 counted for several handles: 4"
    with monkeypatch.context() as defect:  # one that this release would let in is a fault
        defect.setattr(duplicates, "_SAME_DAY", ["handle", "day", "event_id"])
        world.sync(write(tmp_path / "3.gz", realtime_text([Request(60, host="go.acme.example")])))
    ran = world.run("verify", check=False)
    assert ran.returncode == 1
    assert "1 clicks are counted twice" in ran.stdout
