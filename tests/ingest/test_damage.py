"""Damaged input: every line has a defined outcome, and nothing else is lost with it."""

from __future__ import annotations

import codecs
import gzip
import io
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.logs import REALTIME, Request, json_text, realtime_text, requests, standard_text, write, write_parquet
from support.world import NOW, World

from ingest.blocks import read_blocks
from ingest.cloudfront import UnknownFormatError, read_field_list
from ingest.redirects import CANDIDATE, REJECTED, KnownHosts, sort_lines

FIELDS = read_field_list(REALTIME)


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


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"sc-status": NaN}', "invalid_time"),
        ('{"sc-status": 1e999, "date": 12345678901234567890}', "invalid_time"),
        ("[" * 50_000, "invalid_json"),
        ('{"date": "\\ud83d"}', "invalid_utf8"),
        ('{"date": "2026-03-12", "sc-status": {"a": [1, null, true]}}', "invalid_time"),
        ('"just a text"', "invalid_json"),
        ("null", "invalid_json"),
    ],
)
def test_odd_json_is_rejected_alone(world: World, tmp_path: Path, line: str, reason: str) -> None:
    good = json_text(requests(3)).splitlines()

    result = world.sync(write(tmp_path / "a.json", "\n".join([*good[:2], line, good[2]]) + "\n"))

    assert (result.identity.lines, result.identity.clicks, result.identity.rejected) == (4, 3, 1)
    [reject] = world.run_json("rejects", "--json")
    assert (reject["reason"], reject["line_number"]) == (reason, 3)


def test_numbers_in_json_are_values_as_they_are_written(world: World, tmp_path: Path) -> None:
    text = json_text(requests(2)).replace('"302"', "302")

    assert world.sync(write(tmp_path / "a.json", text)).identity.clicks == 2


def test_a_byte_order_mark_is_no_damage(world: World, tmp_path: Path) -> None:
    marked = write(tmp_path / "a.json", codecs.BOM_UTF8 + json_text(requests(2)).encode())
    header = write(tmp_path / "b.log", codecs.BOM_UTF8 + standard_text(requests(2, start=2)).encode())

    assert world.sync(marked, header).identity.clicks == 4


def test_a_wrong_checksum_costs_no_whole_line(world: World, tmp_path: Path) -> None:
    first = gzip.compress(realtime_text(requests(10)).encode())
    damaged = bytearray(gzip.compress(realtime_text(requests(2_000, start=10)).encode()))
    damaged[-6] ^= 0xFF
    path = tmp_path / "a.gz"
    path.write_bytes(first + bytes(damaged))

    result = world.sync(path)

    assert (result.identity.clicks, result.identity.rejected) == (2_010, 1)


def test_a_damaged_parquet_page_ends_the_object_and_not_the_run(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_parquet(path, requests(3_000))
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes(len(whole) // 2 - 200) + whole[len(whole) // 2 :])

    first = world.sync(path)
    path.write_bytes(whole)
    second = world.sync(path)

    assert (first.complete, first.failed) == (True, 0)
    assert first.identity.rejected == 1
    assert first.identity.clicks + second.identity.clicks == 3_000


def test_parquet_columns_that_are_no_text_are_refused(world: World, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write_parquet(logs / "good.parquet", requests(3))
    rows = pl.read_parquet(logs / "good.parquet").with_columns(cs_referer=pl.lit(b"\xff\xfe"))
    rows.write_parquet(logs / "odd.parquet")

    result = world.sync(logs)

    assert result.identity.clicks == 3
    assert list(result.refused) == [str(logs / "odd.parquet")]


def mutated(draw: st.DrawFn, text: bytes) -> bytes:
    """The text with some stretches of it overwritten, left out or put in again."""
    changed = bytearray(text)
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(changed)))
        end = min(len(changed), start + draw(st.integers(0, 40)))
        changed[start:end] = draw(st.binary(max_size=12) | st.just(bytes(changed[start:end]) * 2))
    return bytes(changed)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Bytes such as a bucket may hold: logs of every text format, damaged, packed and cut; or anything."""
    text = draw(st.sampled_from([realtime_text, standard_text, json_text]))(requests(6)).encode()
    content = draw(st.sampled_from([mutated(draw, text), draw(st.binary(max_size=300))]))
    if draw(st.booleans()):
        content = mutated(draw, gzip.compress(content, mtime=0))
    return content[: draw(st.sampled_from([len(content), len(content) // 2]))]


@given(content=objects())
@settings(max_examples=400, deadline=None)
def test_whatever_an_object_holds_each_line_ends_in_one_bucket(content: bytes) -> None:
    hosts = KnownHosts("clickledger.localhost", frozenset({"acme"}), {})
    try:
        blocks = list(read_blocks(io.BytesIO(content), FIELDS))
    except UnknownFormatError:
        return
    for block in blocks:
        found = sort_lines(block, hosts, NOW)
        counts = dict(found.days.group_by("bucket").agg(pl.col("lines").sum()).iter_rows())
        assert counts.get(REJECTED, 0) == found.rejected.height
        assert counts.get(CANDIDATE, 0) == found.candidates.height
        assert sum(counts.values()) <= block.lines - block.first_line + 1
