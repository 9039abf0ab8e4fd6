"""A plain log that is still written to is read as far as it goes, and goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.logs import Request, age, json_text, realtime_text, requests, standard_text, write
from support.world import World


def append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


def balanced(world: World) -> bool:
    return all(check["holds"] for check in world.run_json("verify", "--json"))


def test_what_was_added_is_read_and_nothing_again(world: World, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "live.log"
    read: list[tuple[int, int, int]] = []
    for part in range(4):
        append(log, realtime_text(requests(10 * (part + 1), start=100 * part)))
        found = world.sync(log.parent).identity
        read.append((found.lines, found.clicks, found.duplicates))

    assert read == [(10, 10, 0), (20, 20, 0), (30, 30, 0), (40, 40, 0)]
    assert world.sync(log.parent).batches == 0
    assert world.clicks().height == 100
    assert balanced(world)


def test_a_line_that_is_still_written_waits_for_its_end(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    whole = realtime_text([Request(2)])
    append(log, realtime_text([Request(1)]) + whole[:200])

    first = world.sync(log)
    between = world.sync(log)
    append(log, whole[200:] + realtime_text([Request(3)]))
    last = world.sync(log)

    assert (first.identity.lines, first.complete) == (1, True)
    assert (between.batches, between.complete) == (0, True)
    assert (last.identity.lines, last.identity.clicks) == (2, 2)
    assert balanced(world)


@pytest.mark.parametrize("text", [realtime_text, standard_text, json_text])
def test_a_last_line_that_says_all_is_read_though_it_has_no_end(world: World, tmp_path: Path, text: Any) -> None:
    """Files that were copied a moment ago are whole, and many end so."""
    log = tmp_path / "live.log"
    append(log, text(requests(3)).rstrip("\n"))
    first = world.sync(log).identity

    append(log, "\n" + text(requests(2, start=3)))
    then = world.sync(log).identity

    assert (first.clicks, then.lines, then.clicks) == (3, 2, 2)
    assert world.sync(log).batches == 0
    assert balanced(world)


@pytest.mark.parametrize("text", [realtime_text, standard_text])
def test_a_file_is_not_read_again_because_its_last_column_had_no_end(world: World, tmp_path: Path, text: Any) -> None:
    """Who writes through a buffer stops anywhere."""
    column = "16509\n"
    whole = text(requests(7)).replace("\t-\n", f"\t{column}") + "broken\n"
    *_, fifth, _, _, _ = whole.splitlines(keepends=True)
    last = whole.index(fifth) + len(fifth) - len(column)
    for length in (0, 2, len(column) - 1):
        log = tmp_path / f"{length}.log"
        append(log, whole[: last + length])
        first = world.sync(log).identity
        append(log, whole[last + length : last + 5])
        between = world.sync(log).identity
        append(log, whole[last + 5 :])
        then = world.sync(log)
        age(log)

        assert (first.lines, between.lines, then.identity.lines, world.sync(log).identity.lines) == (5, 0, 3, 0)
        assert (first.rejected, then.identity.rejected, then.waiting) == (0, 1, 0)
    numbers = {reject["line_number"] for reject in world.run_json("rejects", "--json")}
    assert numbers == {whole.count("\n")}
    assert balanced(world)


def test_a_file_of_one_line_without_end_is_read(world: World, tmp_path: Path) -> None:
    whole = (realtime_text([Request(1)]), json_text([Request(1)]), standard_text([Request(1)]).rstrip("\n") + "\t")
    for number, text in enumerate(whole):
        log = tmp_path / f"{number}.log"
        append(log, text.rstrip("\n"))
        read = world.sync(log)
        assert (read.objects, read.identity.lines) == (1, 1)


def test_a_last_line_that_may_go_on_is_read_when_nobody_wrote_for_a_minute(world: World, tmp_path: Path) -> None:
    fields = ("timestamp", "cs-host", "cs-uri-stem", "sc-status", "x-edge-request-id", "cs-user-agent")
    text = realtime_text(requests(3), fields=fields).rstrip("\n")
    log = tmp_path / "live.log"
    append(log, text)

    first = world.sync(log, fields=",".join(fields))
    age(log)
    then = world.sync(log, fields=",".join(fields))

    assert (first.identity.clicks, first.waiting, then.identity.clicks, then.waiting) == (2, 1, 1, 0)
    assert world.sync(log).batches == 0
    assert balanced(world)


def test_lines_are_numbered_on_where_one_was_read_without_its_end(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    append(log, realtime_text(requests(3)).rstrip("\n"))
    world.sync(log)
    append(log, "\nbroken\n")
    world.sync(log)

    assert [reject["line_number"] for reject in world.run_json("rejects", "--json")] == [4]


def test_a_line_that_was_taken_without_its_end_and_got_one_is_read_again_from_the_start(
    world: World, tmp_path: Path
) -> None:
    text = realtime_text(requests(3))
    log = write(tmp_path / "live.log", text[:-100])
    assert world.sync(log).identity.rejected == 1

    append(log, text[-100:])
    again = world.sync(log).identity

    assert (again.lines, again.clicks, again.duplicates, again.rejected) == (3, 1, 2, 0)
    assert world.clicks().height == 3
    assert balanced(world)


def test_a_file_that_was_cut_and_written_anew_is_read_from_its_start(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    append(log, realtime_text(requests(10)))
    world.sync(log)

    log.write_text("")
    append(log, realtime_text(requests(30, start=100)))
    longer = world.sync(log).identity
    log.write_text(realtime_text(requests(5, start=200)))
    shorter = world.sync(log).identity

    assert (longer.clicks, shorter.clicks) == (30, 5)
    assert world.clicks().height == 45
    assert balanced(world)


def test_a_rotated_file_gives_only_duplicates_of_what_was_read(world: World, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "live.log"
    append(log, realtime_text(requests(10)))
    world.sync(log.parent)
    append(log, realtime_text(requests(5, start=10)))
    write(log.with_name("live.log.gz"), log.read_text())
    log.unlink()

    rotated = world.sync(log.parent).identity

    assert (rotated.lines, rotated.clicks, rotated.duplicates) == (15, 5, 10)
    assert balanced(world)


@pytest.mark.parametrize(("kind", "text"), [("standard", standard_text), ("json", json_text)])
def test_headers_and_keys_are_known_to_what_was_added(world: World, tmp_path: Path, kind: str, text: Any) -> None:
    log = tmp_path / "live.log"
    lines = text(requests(30)).splitlines(keepends=True)
    append(log, "".join(lines[:12]))
    first = world.sync(log).identity.clicks
    append(log, "".join(lines[12:]))

    assert first + world.sync(log).identity.clicks == 30
    assert world.clicks().height == 30


def test_every_place_at_which_a_sync_may_stop_leads_to_the_same(world: World, tmp_path: Path) -> None:
    """Headers in the middle, blank and broken lines: cut anywhere, each line counts once."""
    text = (
        standard_text(requests(4))
        + "\nbroken\n"
        + standard_text(requests(4, start=4), fields=("date", "time", *HOST_FIRST))
        + "\n"
    )
    whole = world.sync(write(tmp_path / "whole.log", text)).identity
    assert (whole.clicks, whole.rejected) == (8, 1)
    cuts = range(0, len(text), 97)
    logs = {str(tmp_path / f"{cut}.log"): cut for cut in cuts}  # each is a source of its own, and read alone
    for log, cut in logs.items():
        append(Path(log), text[:cut])
    world.sync(*logs)
    for log, cut in logs.items():
        append(Path(log), text[cut:])
    world.sync(*logs)

    with world.database.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT source, sum(lines), sum(clicks), sum(duplicates), sum(rejected) FROM batches GROUP BY source"
        ).all()
    assert {logs[source]: tuple(sums) for source, *sums in found if source in logs} == dict.fromkeys(
        cuts, (whole.lines, 0, 8, 1)
    )


HOST_FIRST = ("x-host-header", "cs-uri-stem", "sc-status", "x-edge-request-id", "cs(User-Agent)")


def test_two_syncs_of_a_growing_file_at_once_count_every_line_once(world: World, tmp_path: Path) -> None:
    log = tmp_path / "live.log"
    append(log, realtime_text(requests(200)))
    for part in range(1, 4):
        both = [world.start("sync", "--source", str(log)) for _ in range(2)]
        append(log, realtime_text(requests(200, start=200 * part)))
        for process in both:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    world.sync(log)

    assert world.clicks().height == world.clicks()["event_id"].n_unique() == 800
    assert balanced(world)
