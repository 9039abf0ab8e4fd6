"""JSON objects that follow one another without line feeds: each is a record, and a damaged one costs itself alone."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.logs import REALTIME, Request, age, json_text, requests, write
from support.world import World

from ingest.clicks.buckets import sort_lines
from ingest.clicks.known_hosts import KnownHosts
from ingest.reading.blocks import read_blocks
from ingest.reading.gzip_text import Texts
from ingest.reading.json_records import one_a_line
from ingest.reading.log_fields import read_field_list

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
HOSTS = KnownHosts("clickledger.localhost", frozenset({"acme"}), {})
ROW: dict[str, Any] = json.loads(json_text([Request(1)]))


def record(number: int, **changes: Any) -> str:
    return json.dumps(ROW | {"x-edge-request-id": f"number-{number}"} | changes)


def glued(count: int, start: int = 0) -> str:
    return json_text(requests(count, start)).replace("\n", "")


@pytest.mark.parametrize("between", ["", " ", "\t", "\r", "\r\n"])
@pytest.mark.parametrize("name", ["a.json", "a.gz"])
def test_objects_without_line_feeds_are_a_record_each(world: World, tmp_path: Path, between: str, name: str) -> None:
    text = between.join(json_text(requests(5)).splitlines())

    result = world.sync(write(tmp_path / name, text))

    assert (result.identity.lines, result.identity.clicks) == (5, 5)
    assert world.sync(tmp_path / name).batches == 0


def test_objects_without_line_feeds_across_blocks_are_a_record_each(world: World, tmp_path: Path) -> None:
    """Blocks are of 8 MiB; half of an object is held until the other half is there."""
    many = [record(number) for number in range(24_010)]
    text = "".join([*many[:12_000], '{"date":"cut', *many[12_000:24_000], "\n", "\n".join(many[24_000:])])

    result = world.sync(write(tmp_path / "a.gz", text))

    assert (result.identity.clicks, result.identity.rejected) == (24_010, 1)
    [reject] = world.run_json("rejects", "--json")
    assert (reject["line_number"], reject["reason"], reject["raw"]) == (12_001, "invalid_json", '{"date":"cut')
    assert world.clicks()["event_id"].n_unique() == 24_010


@pytest.mark.parametrize(
    ("agent", "is_whole"),
    [
        ("a}{b", True),
        ('"}{"', True),
        ('\\"}{\\', True),
        ('{"date":"2026-01-01"}', True),
        ("}{ü\u2028😀", True),
        ("{" * 500, True),
        ({"nested": {"deeper": "}{"}}, False),
    ],
)
def test_braces_within_values_end_no_record(world: World, tmp_path: Path, agent: object, is_whole: bool) -> None:
    odd = [record(2 * n, **{"cs(User-Agent)": agent}) for n in range(3)]
    plain = [record(2 * n + 1) for n in range(3)]
    text = "".join(one + other for one, other in zip(odd, plain, strict=True))

    for name, whole in (("a.json", text), ("b.json", "\n".join([*odd, *plain]))):
        found = world.sync(write(tmp_path / name, whole)).identity
        assert found.lines == 6
        assert found.clicks + found.duplicates >= (6 if is_whole else 3)


@pytest.mark.parametrize(
    "damaged",
    [
        '{"date":"2026-03-10","cs(User-Agent)":"Mozi',
        '{"date":"2026-03-10","cs(User-Agent)":',
        '{"date":"2026-03-10"',
        '{"date":"2026-03-10","cs(User-Agent)":"a"b"}',
        '{"date":"2026-03-10",}',
        '{"date"}',
        "{",
        '6-03-10","sc-status":"302"}',
        "garbage",
        '{"date":"\\',
        '{"a":{"date":"x"',
    ],
)
def test_a_damaged_object_among_others_costs_itself_alone(world: World, tmp_path: Path, damaged: str) -> None:
    logs = [
        write(tmp_path / f"{place}.json", glued(place, 10 * place) + damaged + glued(3 - place, 11 * place))
        for place in range(3)
    ]
    found = world.sync(*logs).identity  # each is a source of its own, and read alone
    assert (found.clicks, found.rejected) == (9, 3)
    rejects = world.run_json("rejects", "--json")
    assert sorted(row["line_number"] for row in rejects) == [1, 2, 3]
    assert {row["raw"] for row in rejects} == {damaged}


def test_what_is_cut_off_costs_itself_alone(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", glued(4) + glued(1, start=4)[:-30])
    assert world.sync(path).identity.rejected == 1

    live = tmp_path / "live.json"
    live.write_text(glued(3, start=10) + glued(1, start=13)[:-30])
    first = world.sync(live).identity
    live.write_text(glued(6, start=10))
    age(live)
    then = world.sync(live).identity

    assert (first.clicks, first.rejected) == (3, 0)
    assert first.clicks + then.clicks == 6
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_an_object_too_long_to_be_a_line_costs_itself_alone(world: World, tmp_path: Path) -> None:
    long = record(100, **{"cs(User-Agent)": "x" * 300_000})
    endless = '{"date":"' + "y" * (9 * 2**20)

    found = world.sync(write(tmp_path / "a.json", glued(2) + long + glued(2, start=2) + endless + glued(2, start=4)))

    assert (found.identity.clicks, found.identity.rejected) == (6, 2)
    assert {row["reason"] for row in world.run_json("rejects", "--json")} == {"line_too_long"}


values = st.text(alphabet=st.sampled_from('{}[]",:\\ \tab1é😀'), max_size=12)
good = st.builds(
    lambda number, agent, query, ascii_: json.dumps(
        ROW | {"x-edge-request-id": f"number-{number}", "cs(User-Agent)": agent, "cs-uri-query": query},
        ensure_ascii=ascii_,
    ),
    st.integers(0, 10**9),
    values,
    values,
    st.booleans(),
)
damage = st.one_of(
    st.builds(lambda text, cut: text[: max(1, int(cut * len(text)))], good, st.floats(0, 0.99)),
    st.text(alphabet='abc1:,"', min_size=1, max_size=9),
)
between = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\n\n"])


def pieces(text: bytes, sizes: list[int]) -> Texts:
    place = 0
    for size in sizes:
        yield text[place : place + size]
        place += size
    yield text[place:]
    return None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), good, damage, between), min_size=1, max_size=12),
    st.lists(st.integers(1, 3_000), max_size=8),
)
def test_no_damage_anywhere_costs_a_whole_object(parts: list[tuple[bool, str, str, str]], sizes: list[int]) -> None:
    text = ROW_TEXT + "".join((one if is_good else bad) + end for is_good, one, bad, end in parts)
    whole = 1 + sum(is_good for is_good, *_ in parts)

    apart = b"".join(one_a_line(pieces(text.encode(), sizes)))
    lines = candidates = 0
    for block in blocks(text.encode()):
        found = sort_lines(block, HOSTS, NOW)
        lines += int(found.days["lines"].sum())
        candidates += found.candidates.height

    assert candidates == whole
    assert lines == sum(bool(line.strip()) for line in apart.split(b"\n"))
    assert re.sub(rb"[ \t\r\n]", b"", apart) == re.sub(rb"[ \t\r\n]", b"", text.encode())


ROW_TEXT = json.dumps(ROW)


def blocks(content: bytes) -> Iterator[Any]:
    return read_blocks(io.BytesIO(content), read_field_list(REALTIME))
