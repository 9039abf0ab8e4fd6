"""Damaged input: every line has a defined outcome, and nothing else is lost with it."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path

import pytest
from support.logs import Request, json_text, realtime_text, requests, standard_text, write
from support.world import NOW, World


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"garbage", "column_count"),
        (Request(9).line().encode() + b"\textra", "column_count"),
        (Request(9).line().rsplit("\t", 1)[0].encode(), "column_count"),
        (Request(9).line().replace("203.0.113.7", "203.0\0.113.7").encode(), "nul_byte"),
        (Request(9).line().encode().replace(b"Mozilla", b"Mozi\xfflla"), "invalid_utf8"),
        (Request(9, query="q=" + "x" * 70_000).line().encode(), "line_too_long"),
        (Request(9, request_id="-").line().encode(), "missing_request_id"),
        (Request(9, status="abc").line().encode(), "invalid_status"),
        (Request(9, at=NOW + timedelta(days=3)).line().encode(), "time_in_the_future"),
        (b"yesterday" + Request(9).line().encode()[14:], "invalid_time"),
    ],
)
def test_a_broken_line_is_rejected_alone(world: World, tmp_path: Path, line: bytes, reason: str) -> None:
    good = realtime_text(requests(3)).encode()

    result = world.sync(write(tmp_path / "a.log", good + line + b"\n" + realtime_text(requests(3, start=3)).encode()))

    assert (result.identity.lines, result.identity.clicks, result.identity.rejected) == (7, 6, 1)
    [reject] = world.run_json("rejects", "--json")
    assert (reject["reason"], reject["line_number"]) == (reason, 4)
    assert reject["raw"]
    assert len(reject["raw"]) <= 2_000


def test_quirks_that_are_no_damage_cost_no_line(world: World, tmp_path: Path) -> None:
    text = "\n\n".join(request.line() for request in requests(4)) + "\t\r\n\r\n" + Request(4).line() + "\r\n"

    result = world.sync(write(tmp_path / "a.log", text))

    assert (result.identity.lines, result.identity.clicks) == (5, 5)


def test_a_clock_a_little_ahead_is_no_damage(world: World, tmp_path: Path) -> None:
    result = world.sync(write(tmp_path / "a.log", realtime_text([Request(1, at=NOW + timedelta(minutes=5))])))

    assert result.identity.clicks == 1


def test_status_000_is_no_redirect(world: World, tmp_path: Path) -> None:
    result = world.sync(write(tmp_path / "a.gz", standard_text([Request(1, status="000")])))

    assert (result.identity.not_redirects, result.identity.rejected) == (1, 0)


def test_a_short_standard_row_counts_when_what_a_click_needs_is_whole(world: World, tmp_path: Path) -> None:
    rows = standard_text(requests(2)).splitlines()
    rows[3] = "\t".join(rows[3].split("\t")[:20])
    rows.append("\t".join(rows[2].split("\t")[:12]))

    result = world.sync(write(tmp_path / "a.gz", "\n".join(rows) + "\n"))

    assert (result.identity.clicks, result.identity.rejected) == (2, 1)


def test_broken_json_lines_are_rejected_alone(world: World, tmp_path: Path) -> None:
    lines = json_text(requests(3)).splitlines()
    text = "\n".join([lines[0], "{broken", lines[1], "[1, 2]", lines[2]])

    result = world.sync(write(tmp_path / "a.json", text))

    assert (result.identity.lines, result.identity.clicks, result.identity.rejected) == (5, 3, 2)


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)], ids=["plain", "gzip"])
def test_an_empty_object_is_read_once(world: World, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty"
    path.write_bytes(content)

    assert world.sync(path).objects == 1
    assert world.sync(path).objects == 0


def test_a_truncated_gzip_gives_its_whole_lines_and_its_later_version_the_rest(world: World, tmp_path: Path) -> None:
    whole = gzip.compress(realtime_text(requests(3_000)).encode())
    path = tmp_path / "a.gz"
    path.write_bytes(whole[: len(whole) // 2])
    first = world.sync(path)

    path.write_bytes(whole)
    second = world.sync(path)

    assert 0 < first.identity.clicks < 3_000
    assert first.identity.rejected == 1
    assert first.identity.clicks + second.identity.clicks == 3_000
    assert second.identity.duplicates == first.identity.clicks
    assert world.clicks()["event_id"].n_unique() == 3_000


def test_corrupt_gzip_counts_what_came_before(world: World, tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(realtime_text(requests(20_000)).encode(), compresslevel=1))
    whole[len(whole) * 3 // 4] ^= 0xFF
    path = tmp_path / "a.gz"
    path.write_bytes(bytes(whole))

    result = world.sync(path)

    assert result.identity.rejected >= 1
    assert world.run_json("verify", "--json")[0]["holds"]


def test_joined_gzip_members_are_one_log(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"".join(gzip.compress(realtime_text(requests(10, start=start)).encode()) for start in (0, 10)))

    assert world.sync(path).identity.clicks == 20


def test_a_line_without_end_does_not_fill_the_memory(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.write(realtime_text(requests(2)).encode())
        for _ in range(48):
            file.write(b"x" * 2**20)
        file.write(b"\n" + realtime_text(requests(2, start=2)).encode())

    result = world.sync(path)

    assert (result.identity.clicks, result.identity.rejected) == (4, 1)
