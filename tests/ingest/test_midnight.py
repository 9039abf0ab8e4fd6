"""One request that two logs put on two days, a moment before and after midnight UTC, is one click."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import Transaction
from support.logs import Request, json_text, realtime_text, standard_text, write
from support.world import World

from ingest.clicks import duplicates
from ingest.clicks.duplicates import NEAR

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)  # also of a month: verify looks at one after the other
BEFORE, AFTER = Request(1, at=MIDNIGHT - timedelta(milliseconds=1)), Request(1, at=MIDNIGHT)
LAST_DAY, FIRST_DAY = date(2026, 2, 28), date(2026, 3, 1)


def clicks_by_day(world: World) -> dict[date, int]:
    return dict(world.clicks().group_by("day").len().iter_rows())


def books(world: World) -> dict[str, tuple[int, int, int]]:
    """Lines, clicks and duplicates of each day, as the ledger has them."""
    with world.database.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT day, sum(lines), sum(clicks), sum(duplicates) FROM batch_days GROUP BY day"
        )
        return {day: (lines, clicks, duplicates) for day, lines, clicks, duplicates in rows}


def failing(world: World) -> dict[str, Any]:
    checks = world.run("verify", "--json", check=False).stdout
    return {name: detail for name, holds, detail in _rows(checks) if not holds}


def _rows(checks: str) -> list[tuple[str, bool, str]]:
    return list(pl.read_json(checks.encode()).select("name", "holds", "detail").iter_rows())


@pytest.mark.parametrize(("first", "second"), [(BEFORE, AFTER), (AFTER, BEFORE)])
def test_the_line_that_comes_second_is_a_duplicate_of_its_own_day(
    world: World, tmp_path: Path, first: Request, second: Request
) -> None:
    world.sync(write(tmp_path / "realtime.gz", realtime_text([first])))
    after = world.sync(write(tmp_path / "standard.gz", standard_text([second])))

    assert (after.identity.clicks, after.identity.duplicates) == (0, 1)
    assert clicks_by_day(world) == {first.time.date(): 1}
    assert books(world) == {str(first.time.date()): (1, 1, 0), str(second.time.date()): (1, 0, 1)}
    assert failing(world) == {}


def test_two_logs_in_one_batch_are_compared_beyond_midnight_too(world: World, tmp_path: Path) -> None:
    write(tmp_path / "logs" / "1.gz", realtime_text([BEFORE, Request(2, at=MIDNIGHT)]))
    write(tmp_path / "logs" / "2.gz", standard_text([AFTER, Request(2, at=MIDNIGHT)]))
    write(tmp_path / "logs" / "3.json", json_text([AFTER]))

    identity = world.sync(tmp_path / "logs").identity

    assert (identity.clicks, identity.duplicates) == (2, 3)
    assert clicks_by_day(world) == {LAST_DAY: 1, FIRST_DAY: 1}
    assert books(world) == {"2026-02-28": (1, 1, 0), "2026-03-01": (4, 1, 3)}


@pytest.mark.parametrize(
    ("apart", "clicks"),
    [
        ((-NEAR, NEAR - timedelta(seconds=1)), 1),
        ((-NEAR - timedelta(seconds=1), timedelta()), 2),
        ((-timedelta(seconds=1), NEAR), 2),
    ],
)
def test_only_clicks_within_minutes_of_midnight_are_compared_with_the_day_beside(
    world: World, tmp_path: Path, apart: tuple[timedelta, timedelta], clicks: int
) -> None:
    for number, distance in enumerate(apart):
        world.sync(write(tmp_path / f"{number}.gz", realtime_text([Request(1, at=MIDNIGHT + distance)])))

    assert world.clicks().height == clicks
    assert failing(world) == {}


def test_a_pair_with_other_content_is_a_conflict_and_the_first_line_stays(world: World, tmp_path: Path) -> None:
    world.sync(write(tmp_path / "a.gz", realtime_text([BEFORE])))
    world.sync(write(tmp_path / "b.gz", realtime_text([AFTER.but(path="/about")])))

    assert world.clicks()["slug"].to_list() == ["launch"]
    with world.database.connect() as connection:
        assert connection.exec_driver_sql("SELECT sum(conflicts) FROM batches").scalar() == 1


def test_two_workers_that_read_both_logs_at_once_count_each_request_once(world: World, tmp_path: Path) -> None:
    world.environment = {"CLICKLEDGER_BATCH_MEGABYTES": "1"}
    pairs = [(number, timedelta(milliseconds=number % 90_000)) for number in range(6_000)]
    for part in range(4):
        some = pairs[1_500 * part : 1_500 * (part + 1)]
        early = [Request(number, at=MIDNIGHT - distance) for number, distance in some]
        late = [Request(number, at=MIDNIGHT + distance) for number, distance in some]
        write(tmp_path / "early" / f"{part}.gz", realtime_text(early))
        write(tmp_path / "late" / f"{part}.gz", realtime_text(late))
    processes = [world.start("sync", "--source", str(tmp_path / name)) for name in ("early", "late")]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    assert world.clicks().height == 6_000
    assert failing(world) == {}


def test_pairs_that_release_0_1_0_committed_are_told_and_no_fault(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_said(*_: object) -> list[Transaction]:
        return []

    with monkeypatch.context() as release:  # which compared within one day, and said nothing of midnights
        release.setattr(duplicates, "NEAR", timedelta())
        release.setattr("ingest.clicks.commit.compared", nothing_said)
        for number, line in enumerate((BEFORE, AFTER)):
            world.sync(write(tmp_path / f"{number}.gz", realtime_text([line])))
    assert clicks_by_day(world) == {LAST_DAY: 1, FIRST_DAY: 1}

    detail = next(detail for name, _, detail in _rows(world.run("verify", "--json").stdout) if name == "unique")
    assert detail == "0 clicks are counted twice; requests that release 0.1.0 counted before and after a midnight: 1"

    world.now += timedelta(minutes=1)
    world.sync(write(tmp_path / "2.gz", realtime_text([Request(2, at=BEFORE.time), Request(3, at=AFTER.time)])))
    world.sync(write(tmp_path / "3.gz", realtime_text([Request(2, at=AFTER.time), AFTER])))
    assert clicks_by_day(world) == {LAST_DAY: 2, FIRST_DAY: 2}
    assert failing(world) == {}
    with monkeypatch.context() as defect:  # a pair that this release would let in is a fault
        defect.setattr(duplicates, "NEAR", timedelta())
        world.sync(write(tmp_path / "4.gz", realtime_text([Request(3, at=BEFORE.time)])))
    assert failing(world) == {
        "unique": "1 clicks are counted twice; requests that release 0.1.0 counted before and after a midnight: 1"
    }
