"""Objects of a few lines are read many at a time, and every one is accounted for as if it had been read alone."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.logs import (
    STANDARD,
    Request,
    age,
    json_text,
    realtime_text,
    requests,
    standard_text,
    write,
    write_parquet,
)
from support.world import World

from analytics_core.store import tables
from ingest.clicks.balance import ObjectProgress
from ingest.clicks.buckets import SortedLines, sort_lines
from ingest.clicks.known_hosts import KnownHosts
from ingest.pipeline import prefetch
from ingest.reading.blocks import Block
from ingest.reading.joined_blocks import JOINED_BYTES
from ingest.reading.objects import OpenedObject, Sorting, read_objects
from ingest.sources import SourceHistory, SourceObject, open_sources

HOSTS = KnownHosts("clickledger.localhost", frozenset({"acme"}), {})
SHORT = ("date", "time", "x-host-header", "cs-uri-stem", "sc-status", "x-edge-request-id", "cs(User-Agent)")


def odd_texts() -> list[bytes]:
    """Everything that an object of a few lines may be; request ids are not repeated."""

    def some(part: int) -> list[Request]:
        return requests(3, start=10 * part)

    stranger = Request(500, host="nobody.example")
    broken = standard_text(some(1)) + "broken\n" + some(2)[0].line(STANDARD) + "\n"
    replaced = realtime_text(some(3)).encode().replace(b"Mozilla", "Mozi\ufffdlla".encode())
    texts: list[bytes | str] = [
        standard_text(some(4)),
        standard_text(some(5)).rstrip("\n"),
        broken,
        "",
        standard_text([]),
        standard_text([stranger, *some(6), stranger.but(number=501)]),
        realtime_text([stranger.but(number=502)]),
        standard_text(some(7), fields=SHORT),
        standard_text(some(8)) + standard_text(some(9), fields=SHORT) + "#Fields: date time\n2026-03-10\t09:00:00\n",
        realtime_text(some(10)),
        replaced,
        realtime_text(some(11)).encode().replace(b"Mozilla", b"Mozi\xfflla"),
        replaced.replace(b"00000000000000000000000000000000000003", b"00000000000000000000000000000000000004"),
        realtime_text(some(12)).replace("\n", "\r\n"),
        "\n\n" + realtime_text(some(13)) + "\n\nbroken\tbroken\n\n",
        realtime_text([Request(141, query="q=" + "x" * 70_000), Request(142)]),
        realtime_text(some(15)).replace("203.0.113.7", "203.0\0.113.7"),
        b"\xef\xbb\xbf" + realtime_text(some(16)).encode(),
        realtime_text(some(17)).replace("Mozilla", 'Mo"zilla'),
        json_text(some(18)),
        json_text(some(19)) + "{broken\n" + json_text(some(20), fields=STANDARD),
        json_text(some(21)).rstrip("\n"),
        json_text([stranger.but(number=503)], fields=STANDARD),
        "no log at all\n",
        standard_text(some(22)) + "\n".join("broken" for _ in range(7)),
        realtime_text([Request(231, status="abc"), Request(232, request_id="-"), Request(233, path="/not/a/slug")]),
        realtime_text(some(4)),  # duplicates
    ]
    return [text if isinstance(text, bytes) else text.encode() for text in texts]


def books(world: World) -> dict[str, list[Any]]:
    """What is known of each object, by its name: how far it was read, and its rejects."""
    kept: dict[str, list[Any]] = {}
    item, line = tables.objects.c, tables.rejects.c
    progress = (item.position, item.lines, item.complete, item.refused, item.unknown_hosts, item.hosts)
    with world.database.connect() as connection:
        for key, *rest in connection.execute(select(item.key, *progress)):
            kept.setdefault(Path(key).name, []).append(tuple(rest))
        for key, *rest in connection.execute(
            select(line.key, line.line_number, line.reason, line.raw).order_by(line.line_number)
        ):
            kept.setdefault(Path(key).name, []).append(tuple(rest))
    return kept


def test_objects_that_are_read_together_are_accounted_for_as_if_each_was_read_alone(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    for round_ in range(2):
        for number, text in enumerate(odd_texts()):
            own = text.replace(b"AbCdEfGh", b"AbCdEf%02d" % round_)
            write(logs / f"{round_}-{number:02}.{'gz' if number % 2 == round_ else 'log'}", own)
    whole = gzip.compress(standard_text(requests(40, start=300)).encode(), mtime=0)
    write(logs / "1-05-truncated", whole[: len(whole) // 2])
    write_parquet(logs / "1-06.parquet", requests(3, start=400))
    together, alone = World(tmp_path / "together"), World(tmp_path / "alone")
    for world in (together, alone):
        world.load()

    found = together.sync(logs)
    each = alone.sync(*sorted(logs.iterdir()))  # as many sources

    assert books(together) == books(alone)
    assert len(books(together)) == len(list(logs.iterdir())) == found.objects == each.objects
    assert found.identity == each.identity
    assert (found.complete, found.batches) == (True, 1)
    assert set(found.refused.values()) == set(each.refused.values())
    columns = ["event_id", "handle", "slug", "at", "country", "user_agent_id"]
    clicks = [world.clicks().select(columns).sort("event_id") for world in (together, alone)]
    assert clicks[0].equals(clicks[1])
    assert together.sync(logs).batches == 0
    assert all(check["holds"] for check in together.run_json("verify", "--json"))


def test_files_that_grow_together_go_on_each_where_it_was(world: World, tmp_path: Path) -> None:
    texts = [
        (standard_text if part % 3 else realtime_text)(requests(6, start=10 * part)).encode() + b"broken\n"
        for part in range(30)
    ]
    logs = [tmp_path / "logs" / f"{part:02}.log" for part in range(30)]
    logs[0].parent.mkdir()
    found = world.sync(tmp_path / "logs").identity
    for cut in (0.3, 0.55, 0.8, 1):
        for log, text in zip(logs, texts, strict=True):
            log.write_bytes(text[: int(len(text) * cut)])
        found += world.sync(tmp_path / "logs").identity
    for log in logs:
        age(log)

    found += world.sync(tmp_path / "logs").identity

    assert (found.clicks, found.rejected, found.duplicates, found.lines) == (180, 30, 0, 210)
    rejects = {(row["key"], row["line_number"]) for row in world.run_json("rejects", "--json")}
    assert rejects == {(str(log), text.count(b"\n")) for log, text in zip(logs, texts, strict=True)}
    assert world.clicks()["event_id"].n_unique() == 180
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_batch_is_bounded_by_its_objects_too(world: World, tmp_path: Path) -> None:
    for number in range(6_000):
        write(tmp_path / "logs" / f"{number:04}.log", Request(number).line() + "\n")

    first = world.sync(tmp_path / "logs")
    second = world.sync(tmp_path / "logs")

    assert (first.batches, first.objects, first.identity.clicks) == (2, 6_000, 6_000)
    assert (second.batches, second.objects) == (0, 0)
    with world.database.connect() as connection:
        objects = connection.execute(select(tables.batches.c.objects).order_by(tables.batches.c.number)).scalars()
        assert sum(objects) == 6_000
        assert len(connection.execute(select(tables.objects.c.key).where(tables.objects.c.complete)).all()) == 6_000


# --- what goes wrong ------------------------------------------------------------------------------------------------


def unread(world: World, place: Path) -> list[tuple[SourceObject, ObjectProgress]]:
    [source] = open_sources([str(place)], None, world.settings, lambda: world.now)
    listed = source.objects(SourceHistory(), everything=True)
    return [(item, ObjectProgress(item.key, item.version)) for item in listed if isinstance(item, SourceObject)]


def poisoned(world: World) -> Callable[[Block], SortedLines]:
    """Sorts lines, unless one of them is what nobody thought of."""

    def sort(block: Block) -> SortedLines:
        if b"/poison" in getattr(block.content, "text", b""):
            raise LookupError("a defect")
        return sort_lines(block, HOSTS, world.now)

    return sort


@pytest.mark.parametrize("place", [0, 3, 6])
def test_lines_that_cannot_be_sorted_cost_their_object_alone(world: World, tmp_path: Path, place: int) -> None:
    for number in range(7):
        path = "/poison" if number == place else "/launch"
        write(tmp_path / f"{number}.gz", standard_text([Request(number, path=path)]))
    (tmp_path / "4.gz").unlink()
    write(tmp_path / "4.gz", "no log")
    [source] = open_sources([str(tmp_path / "*.gz")], None, world.settings, lambda: world.now)

    stretches = list(prefetch(source, unread(world, tmp_path / "*.gz"), Sorting(poisoned(world), "")))

    reached = [one for stretch in stretches for one in stretch.objects if one.end is not None]
    failed = [Path(one.item.key).stem for one in reached if one.end is not None and one.end.failed]
    assert failed == [str(place)]
    assert [Path(one.item.key).stem for one in reached] == [str(number) for number in range(7)]
    read = {Path(one.item.key).stem for one in reached if one.progress is not None and one.progress.complete}
    assert read == {str(number) for number in range(7)} - {str(place)}
    clicks = sum(stretch.found.candidates.height for stretch in stretches if stretch.found is not None)
    assert clicks == 5


def test_a_large_object_that_cannot_be_sorted_ends_there(world: World, tmp_path: Path) -> None:
    lines = realtime_text(requests(40_000)).splitlines(keepends=True)
    lines[30_000] = Request(1, path="/poison").line() + "\n"
    write(tmp_path / "a.log", "".join(lines))
    write(tmp_path / "b.log", realtime_text([Request(50_000)]))
    [source] = open_sources([str(tmp_path / "*.log")], None, world.settings, lambda: world.now)
    opened: list[OpenedObject] = [
        (item, progress, partial(source.open, item)) for item, progress in unread(world, tmp_path / "*.log")
    ]
    assert len("".join(lines)) > 2 * JOINED_BYTES

    stretches = list(read_objects(opened, source, Sorting(poisoned(world), "")))

    ends = [one.end for stretch in stretches for one in stretch.objects if one.end is not None]
    assert [end.failed for end in ends] == [True, False]
    sorted_lines = [stretch.found.candidates.height for stretch in stretches if stretch.found is not None]
    assert 0 < sum(sorted_lines) < 30_001


def test_an_object_that_vanishes_among_others_fails_alone(world: World, tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / f"{number:02}.gz", standard_text([Request(number)]))
    items = unread(world, tmp_path / "*.gz")
    (tmp_path / "07.gz").unlink()
    [source] = open_sources([str(tmp_path / "*.gz")], None, world.settings, lambda: world.now)
    sort = partial(sort_lines, hosts=HOSTS, now=world.now)

    stretches = list(prefetch(source, items, Sorting(sort, "")))

    reached = [one for stretch in stretches for one in stretch.objects]
    assert [Path(one.item.key).stem for one in reached if one.end and one.end.failed] == ["07"]
    assert sum(stretch.found.candidates.height for stretch in stretches if stretch.found) == 19
