"""Whatever bytes an object holds, every line of it ends in one bucket, or the object is refused as a whole."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.logs import (
    GOOGLEBOT,
    REALTIME,
    Request,
    json_text,
    realtime_text,
    requests,
    standard_text,
    write,
    write_parquet,
)
from support.world import World

from ingest.clicks.buckets import sort_lines
from ingest.clicks.known_hosts import KnownHosts
from ingest.reading.blocks import read_blocks
from ingest.reading.gzip_text import Texts
from ingest.reading.json_records import is_json, one_a_line
from ingest.reading.log_fields import UnknownFormatError, read_field_list

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
HOSTS = KnownHosts("clickledger.localhost", frozenset({"acme"}), {})
LINES = [
    *requests(4),
    Request(4, user_agent=GOOGLEBOT),
    Request(5, path="/über%2520/x"),
    Request(6, status="200"),
    Request(7, host="elsewhere.example"),
]
# What has broken parsers before: ends of lines and fields, numbers beyond every type, halves of pairs, marks.
ODD = st.sampled_from(
    [
        *(
            b"\n",
            b"\r",
            b"\r\n",
            b"\t",
            b"\0",
            b"#",
            b"#Fields:",
            b"#Fields: date date\n",
            b"\xef\xbb\xbf",
            b"\xed\xa0\x80",
        ),
        *(b"{", b"}", b'"', b"\\", b"\\ud800", b"\\u0000", b"NaN", b"1e999", b"-Infinity", b"9" * 400, b"[" * 3_000),
        *(b"-", b"1e17", b"99999999999999999", b"0", b"%", b"%0A", b" ", b"\x85", b"\xe2\x80\xa8", b"\xff"),
    ]
)
ODD_LINE = st.sampled_from(
    [
        *(
            b'{"date":NaN}',
            b'{"a":1e999}',
            b'{"cs(User-Agent)":"\\ud800"}',
            b'\xef\xbb\xbf{"date":"x"}',
            b"[]",
            b"null",
        ),
        *(
            b"[" * 9_000,
            b'{"sc-status":{"x":1}}',
            b'{"date":"x"}{"date":"y"}',
            b"#Fields: nothing of use",
            b"#",
            b"\x0b",
        ),
    ]
)
BLANK = re.compile(r"[^\S\x1c-\x1f]*")  # what Unicode calls white space; Python adds four control characters
TEXTS = {
    "real-time": realtime_text(LINES).encode(),
    "W3C": standard_text(LINES).encode(),
    "JSON": json_text(LINES).encode(),
}


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` with a few stretches replaced, cut out or put in, and odd lines between its own."""
    text = whole
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 1, 2, 30]))
        text = text[:place] + draw(ODD | st.binary(max_size=6)) + text[place + length :]
    lines = text.split(b"\n")
    for _ in range(draw(st.integers(0, 2))):
        lines.insert(draw(st.integers(0, len(lines))), draw(ODD_LINE))
    return b"\n".join(lines)


def bucketed(content: bytes) -> int | None:
    """How many lines are in a bucket; None for an object that is refused as a whole, before anything is counted."""
    blocks = read_blocks(io.BytesIO(content), read_field_list(REALTIME))
    lines, numbers = 0, []
    try:
        for block in blocks:
            found = sort_lines(block, HOSTS, NOW)
            lines += int(found.days["lines"].sum())
            numbers += found.candidates["line_number"].to_list() + found.rejected["line_number"].to_list()
            assert found.rejected["reason"].null_count() == found.rejected["raw"].null_count() == 0
    except UnknownFormatError:
        assert not lines
        return None
    assert len(set(numbers)) == len(numbers)
    return lines


def lines_of(text: bytes, *, with_headers: bool) -> int:
    text = text.removeprefix(b"\xef\xbb\xbf")
    lines = [line.strip() for line in text.split(b"\n") if not (with_headers and line.startswith(b"#"))]
    return sum(not BLANK.fullmatch(line.decode("utf-8", "replace")) for line in lines)


@pytest.mark.parametrize("kind", TEXTS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_line_of_a_mutated_log_is_in_one_bucket(kind: str, data: st.DataObject) -> None:
    text = data.draw(mutated(TEXTS[kind]))

    counted = bucketed(text)

    if is_json(text):  # tests/ingest/test_json_records.py says what are the lines of it
        assert counted in (None, lines_of(b"".join(one_a_line(whole(text))), with_headers=False))
    else:
        assert counted in (None, lines_of(text, with_headers=True))


def whole(text: bytes) -> Texts:
    yield text
    return None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_counted(content: bytes) -> None:
    bucketed(content)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_parquet_file_is_refused_or_counted(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "whole.parquet"
    if not path.exists():
        write_parquet(path, LINES)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))

    bucketed(bytes(content))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_mutated_gzip_gives_lines_and_one_remainder(data: st.DataObject) -> None:
    content = bytearray(gzip.compress(TEXTS["real-time"], mtime=0))
    content[data.draw(st.integers(10, len(content) - 1))] ^= data.draw(st.integers(1, 255))

    bucketed(bytes(content))


def test_a_folder_of_odd_objects_is_read_to_its_end(world: World, tmp_path: Path) -> None:
    """The same through the front door: what is good beside it counts, and it is done with in one run."""
    odd: Sequence[bytes] = (
        b'{"date":NaN}',
        b'{"cs(User-Agent)":"\\ud83d"}',
        b'{"a":1e999}',
        b'\xef\xbb\xbf{"date":"x"}',
        b'{"cs(Host)":"\xed\xa0\x80"}',
        b"[" * 20_000,
        b'{"date":Infinity}',
        b'{"\\ud800":"x"}',
    )
    for place, line in enumerate(odd):
        good = json_text(requests(4, start=10 * place)).encode().splitlines(keepends=True)
        path = tmp_path / "logs" / f"{place}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join([*good[:2], line + b"\n", *good[2:]]))
    (tmp_path / "logs" / "marked.json").write_bytes(b"\xef\xbb\xbf" + json_text(requests(4, start=900)).encode())

    result = world.sync(tmp_path / "logs")

    clicks = 4 * (len(odd) + 1)
    assert result.complete
    assert (result.identity.clicks, result.identity.rejected) == (clicks, len(odd))
    reasons = {row["key"][-6:]: row["reason"] for row in world.run_json("rejects", "--json")}
    assert reasons == {f"{n}.json"[-6:]: "invalid_utf8" if n == 4 else "invalid_json" for n in range(len(odd))}
    assert world.sync(tmp_path / "logs").batches == 0


def test_two_spellings_of_one_json_key_are_one_field(world: World, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in json_text(requests(3)).splitlines()]
    rows[1]["CS(Host)"] = "twice"
    path = write(tmp_path / "a.json", "\n".join(json.dumps(row) for row in rows))

    assert world.sync(path).identity.clicks == 3
