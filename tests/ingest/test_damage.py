"""Damaged input: every line has a defined outcome, and nothing else is lost with it."""

from __future__ import annotations

import gzip
import io
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.logs import Request, json_text, realtime_text, requests, standard_text, write, write_parquet
from support.world import NOW, World

from ingest.sources import SourceObject, open_sources
from ingest.sources.files import FileSource
from ingest.sync import prepare
from ingest.sync_progress import ProgressLines
from ingest.sync_result import SyncResult


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


def test_a_short_standard_row_counts_when_no_column_is_missing_that_is_used(world: World, tmp_path: Path) -> None:
    """The last one used is x-edge-response-result-type, the 23rd."""
    header, fields, *rows = standard_text(requests(6)).splitlines()
    cut = ["\t".join(row.split("\t")[:columns]) for row, columns in zip(rows, (33, 32, 23, 22, 20, 12), strict=True)]

    result = world.sync(write(tmp_path / "a.gz", "\n".join([header, fields, *cut]) + "\n"))

    assert (result.identity.clicks, result.identity.rejected) == (3, 3)
    rejects = world.run_json("rejects", "--json")
    assert {(row["line_number"], row["reason"]) for row in rejects} == {(n, "column_count") for n in (6, 7, 8)}
    assert [row["raw"] for row in rejects] == cut[3:]


def test_a_line_cut_short_gets_no_values_that_nobody_logged(world: World, tmp_path: Path) -> None:
    """Of nine fields six: no agent, no referrer and no country, which is not the same as none in the request."""
    needed = ("date", "time", "x-host-header", "cs-uri-stem", "sc-status", "x-edge-request-id")
    fields = (*needed, "cs(User-Agent)", "cs(Referer)", "c-country")
    text = standard_text(requests(3), fields)
    text += "\t".join(Request(3).line(fields).split("\t")[:6]) + "\n" + Request(4).line(fields) + "\t\n"

    result = world.sync(write(tmp_path / "a.log", text))

    assert (result.identity.lines, result.identity.clicks, result.identity.rejected) == (5, 4, 1)
    [reject] = world.run_json("rejects", "--json")
    assert (reject["reason"], reject["line_number"]) == ("column_count", 6)
    assert world.counts().filter(pl.col("grain") == "day")["device"].unique().to_list() == ["DESKTOP"]


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


def test_a_wrong_checksum_costs_no_whole_line(world: World, tmp_path: Path) -> None:
    whole = gzip.compress(realtime_text(requests(2_000)).encode() + b"half a li")
    path = tmp_path / "a.gz"
    path.write_bytes(whole[:-8] + bytes([whole[-8] ^ 0xFF]) + whole[-7:])
    first = world.sync(path).identity
    [reject] = world.run_json("rejects", "--json")

    write(path, realtime_text(requests(2_001)))
    second = world.sync(path).identity

    assert (first.clicks, first.rejected) == (2_000, 1)
    assert (reject["reason"], reject["line_number"], reject["raw"]) == ("corrupt_gzip", 2_001, "half a li")
    assert (second.clicks, second.duplicates) == (1, 2_000)


def test_a_wrong_checksum_of_one_member_keeps_the_members_before_it(world: World, tmp_path: Path) -> None:
    members = [gzip.compress(realtime_text(requests(300, start=300 * part)).encode()) for part in range(3)]
    members[1] = members[1][:-8] + bytes(4) + members[1][-4:]
    path = tmp_path / "a.gz"
    path.write_bytes(b"".join(members))

    found = world.sync(path).identity

    assert (found.clicks, found.rejected) == (600, 1)


def test_joined_gzip_members_are_one_log(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"".join(gzip.compress(realtime_text(requests(10, start=start)).encode()) for start in (0, 10)))

    assert world.sync(path).identity.clicks == 20


@pytest.mark.parametrize("text", [realtime_text, standard_text, json_text])
def test_gzip_in_gzip_is_read(world: World, tmp_path: Path, text: Any) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(
        gzip.compress(b"".join(gzip.compress(text(requests(4, start=start)).encode()) for start in (0, 4)))
    )

    assert world.sync(path).identity.clicks == 8


def test_damaged_gzip_in_gzip_gives_what_came_before_the_damage(world: World, tmp_path: Path) -> None:
    text = realtime_text(requests(3_000)).encode()
    inner = gzip.compress(text, mtime=0)
    whole = gzip.compress(inner, mtime=0)
    wrong_sum = bytes([whole[-8] ^ 0xFF])
    damaged = {
        "outer cut": whole[: len(whole) // 2],
        "inner cut": gzip.compress(inner[: len(inner) // 2]),
        "outer sum": whole[:-8] + wrong_sum + whole[-7:],
        "inner sum": gzip.compress(inner[:-8] + bytes([inner[-8] ^ 0xFF]) + inner[-7:]),
    }
    found = {}
    for name, content in damaged.items():
        path = tmp_path / f"{name}.gz"
        path.write_bytes(content)
        found[name] = world.sync(path).identity

    assert 0 < found["outer cut"].lines < 3_000
    assert 0 < found["inner cut"].lines < 3_000
    assert found["outer sum"].lines == found["inner sum"].lines == 3_001
    assert [one.rejected for one in found.values()] == [1] * 4
    reasons = sorted(row["reason"] for row in world.run_json("rejects", "--json"))
    assert reasons == ["corrupt_gzip", "corrupt_gzip", "truncated_gzip", "truncated_gzip"]


def test_what_was_compressed_three_times_is_refused(world: World, tmp_path: Path) -> None:
    text = realtime_text(requests(3)).encode()
    (tmp_path / "a.gz").write_bytes(gzip.compress(gzip.compress(gzip.compress(text))))
    write_parquet(tmp_path / "b.parquet", requests(3))
    write(tmp_path / "b.gz", (tmp_path / "b.parquet").read_bytes())

    refused = world.sync(tmp_path / "a.gz", tmp_path / "b.gz").refused

    assert sorted(refused.values()) == [
        "a Parquet file in gzip; Parquet is read as it is",
        "compressed three times; gzip is read, and gzip in gzip",
    ]
    assert world.sync(tmp_path / "a.gz", tmp_path / "b.gz").objects == 0


def test_gzip_in_gzip_does_not_fill_the_memory(world: World, tmp_path: Path) -> None:
    """A gigabyte of one letter is five kilobytes then."""
    packed = gzip.compress(b"x" * 2**20)
    (tmp_path / "a.gz").write_bytes(
        gzip.compress(packed * 1_024 + gzip.compress(b"\n" + realtime_text(requests(2)).encode()))
    )
    result = world.sync(tmp_path / "a.gz")

    assert (result.identity.clicks, result.identity.rejected) == (2, 1)


def test_a_line_without_end_does_not_fill_the_memory(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.write(realtime_text(requests(2)).encode())
        for _ in range(48):
            file.write(b"x" * 2**20)
        file.write(b"\n" + realtime_text(requests(2, start=2)).encode())

    result = world.sync(path)

    assert (result.identity.clicks, result.identity.rejected) == (4, 1)


def test_a_header_in_the_middle_that_cannot_be_read_rejects_its_lines_alone(world: World, tmp_path: Path) -> None:
    text = (
        standard_text(requests(2)) + "#Fields: date time\n2026-03-10\t09:00:00\n" + standard_text(requests(2, start=2))
    )

    found = world.sync(write(tmp_path / "a.log", "#Version: 1.0\nnobody knows\n" + text)).identity

    assert (found.lines, found.clicks, found.rejected) == (6, 4, 2)
    assert {row["reason"] for row in world.run_json("rejects", "--json")} == {"no_field_list"}


def test_a_damaged_parquet_page_is_a_refusal_with_a_reason(world: World, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.parquet"
    whole = write(tmp_path / "logs" / "b.gz", realtime_text(requests(2)))
    write_parquet(path, requests(3_000))
    content = bytearray(path.read_bytes())
    content[8 : len(content) // 2] = bytes(len(content) // 2 - 8)
    path.write_bytes(bytes(content))

    result = world.sync(whole.parent)

    assert (result.complete, result.identity.clicks) == (True, 2)
    [reject] = world.run_json("rejects", "--json")
    assert (reject["reason"], reject["line_number"]) == ("a damaged Parquet file", None)
    assert world.sync(whole.parent).batches == 0


def test_bytes_in_parquet_that_are_no_text_reject_their_row_alone(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_parquet(path, requests(5))
    rows = pq.read_table(path)
    agents = [value.as_py().encode() for value in rows["cs_user_agent"]]
    agents[2] = b"Mozi\xfflla"
    column = rows.column_names.index("cs_user_agent")
    pq.write_table(rows.set_column(column, "cs_user_agent", pa.array(agents, pa.binary())), path)

    found = world.sync(path).identity

    assert (found.clicks, found.rejected) == (4, 1)
    [reject] = world.run_json("rejects", "--json")
    assert (reject["reason"], reject["line_number"]) == ("invalid_utf8", 3)


class Failing(io.BytesIO):
    """A file on a disk that gives up after some bytes."""

    def __init__(self, content: bytes, good: int, error: Exception) -> None:
        super().__init__(content)
        self._good, self._error = good, error

    def read(self, size: int | None = -1, /) -> bytes:
        self._good -= 1
        if self._good < 0:
            raise self._error
        return super().read(size)


class FailingSource(FileSource):
    """A folder of which one file cannot be read to its end."""

    failing: tuple[str, int, Exception] | None = None

    def open(self, item: SourceObject) -> IO[bytes]:
        name, good, error = self.failing or ("", 0, OSError())
        content = Path(item.key).read_bytes()
        return Failing(content, good, error) if Path(item.key).name == name else io.BytesIO(content)


@pytest.mark.parametrize("name", ["b.parquet", "b.gz"])
@pytest.mark.parametrize("error", [OSError("the disk is gone"), RuntimeError("a defect")], ids=["disk", "defect"])
def test_an_object_that_cannot_be_read_now_waits_for_the_next_run(
    world: World, tmp_path: Path, name: str, error: Exception
) -> None:
    folder = tmp_path / "logs"
    write(folder / "a.gz", realtime_text(requests(3)))
    write_parquet(folder / name, requests(3, start=3)) if name.endswith("t") else write(
        folder / name, standard_text(requests(3, start=3))
    )
    write(folder / "c.gz", realtime_text(requests(3, start=6)))
    config = open_sources([str(folder)], None, world.settings, lambda: world.now)[0].config
    source = FailingSource(config, config.url)

    def run() -> SyncResult:
        return prepare(world.settings, world.lake, world.database, lambda: world.now, ProgressLines()).run([source])

    source.failing = (name, 1, error)
    first = run()
    source.failing = None
    second = run()

    assert (first.complete, first.identity.clicks) == (False, 6)
    assert (second.complete, second.identity.clicks, second.identity.duplicates) == (True, 3, 0)
