"""What lies below a folder, or is matched by a glob, is read once, or it is told that it was not."""

from __future__ import annotations

import glob
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.logs import realtime_text, requests, write
from support.world import World, stopped_by_permissions

from ingest.sources import SourceConfig, SourceObject, UnlistedPlace, open_sources
from ingest.sources.files import FileSource
from ingest.sources.log_source import SourceHistory


@pytest.fixture
def stopped(world: World) -> World:
    return replace(world, before=stopped_by_permissions())


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Path]:
    """A folder of logs, which can be removed after the test whatever may be done with it."""
    yield tmp_path / "logs"
    for path in (tmp_path / "logs").rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)


def log(path: Path, part: int = 0) -> Path:
    """A log of three clicks that no other part has."""
    return write(path, realtime_text(requests(3, start=3 * part)))


def ran(world: World, *words: str | bytes) -> tuple[int, int, str]:
    """Of a sync: how it ended, the lines that it read, and what it said on stderr."""
    done = world.run("sync", *words, check=False)
    read = json.loads(done.stdout.splitlines()[-1])["lines"] if done.stdout else 0
    return done.returncode, read, done.stderr


def listed(place: Path | str) -> list[SourceObject | UnlistedPlace]:
    [source] = open_sources([str(place)], None, World(Path("/nowhere")).settings, lambda: World(Path()).now)
    return list(source.objects(SourceHistory(), everything=True))


# --- permissions ----------------------------------------------------------------------------------------------------


def test_what_may_not_be_entered_or_read_fails_alone(stopped: World, logs: Path) -> None:
    modes = {"none": 0o000, "write": 0o200, "no-search": 0o600, "no-list": 0o300}
    log(logs / "a.gz")
    log(logs / "z" / "c.gz", 1)
    for part, (name, mode) in enumerate(modes.items(), 2):
        log(logs / name / "b.gz", part)
        log(logs / name / "deeper" / "b.log", part + 4)
        (logs / name).chmod(mode)
    files = [logs / "f.gz", logs / "f.log", logs / "f.parquet"]
    for part, path in enumerate(files, 10):
        log(path, part).chmod(0)
    kept = [*(logs / name for name in modes), *files]

    code, lines, said = ran(stopped, "--source", str(logs))

    assert (code, lines) == (1, 6)
    for place in kept:
        assert str(place) in said
    assert "Permission denied" in said
    assert "Traceback" not in said
    assert not stopped.has_read_everything()

    for place in kept:
        place.chmod(0o700)
    assert ran(stopped, "--source", str(logs))[:2] == (0, 33)
    assert stopped.has_read_everything()


def test_a_glob_tells_what_it_may_not_enter(stopped: World, logs: Path) -> None:
    log(logs / "sure" / "a.gz")
    log(logs / "secret" / "b.gz", part=1)
    (logs / "secret").chmod(0)
    for pattern in ("*/*.gz", "**/*.gz", "s*/**"):
        code, lines, said = ran(stopped, "--source", str(logs / pattern))

        assert (code, lines) == (1, 3)
        assert f"{logs / 'secret'} could not be read: Permission denied" in said


def test_a_source_that_may_not_be_entered_is_no_empty_source(stopped: World, logs: Path) -> None:
    log(logs / "a.gz")
    place = logs / "kept"
    log(place / "inside" / "b.gz", part=1)
    place.chmod(0)
    places = [place, place / "inside", place / "*.gz", logs / "a.gz"]

    code, lines, said = ran(stopped, *(word for one in places for word in ("--source", str(one))))

    assert (code, lines) == (1, 3)
    assert said.count("Permission denied") == 3
    assert f"invalid_source: {place / 'inside'} cannot be read: Permission denied." in said
    assert "Traceback" not in said
    assert not stopped.has_read_everything()


# --- links ----------------------------------------------------------------------------------------------------------


def test_links_to_folders_are_followed_and_loops_are_cut(world: World, tmp_path: Path) -> None:
    logs, elsewhere = tmp_path / "logs", tmp_path / "elsewhere"
    log(logs / "a.gz")
    log(logs / "z" / "b.gz", part=1)
    log(elsewhere / "c.gz", part=2)
    log(elsewhere / "deep" / "d.log", part=3)
    (logs / "again").symlink_to(logs, target_is_directory=True)
    (logs / "z" / "up").symlink_to("..", target_is_directory=True)
    (logs / "linked").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "round").symlink_to(logs, target_is_directory=True)
    (elsewhere / "deep" / "round").symlink_to(elsewhere, target_is_directory=True)

    assert ran(world, "--source", str(logs))[:2] == (0, 12)
    assert world.clicks().height == 12
    assert world.has_read_everything()
    assert ran(world, "--source", str(logs))[:2] == (0, 0)
    keys = {item.key for item in listed(logs) if isinstance(item, SourceObject)}
    expected = {"a.gz", "z/b.gz", "linked/c.gz", "linked/deep/d.log"}
    assert keys == {str(logs / name) for name in expected}


def test_the_same_file_is_read_once_by_the_path_that_has_no_link(world: World, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    log(logs / "m" / "2026-03-10.log")
    log(tmp_path / "outside" / "b.log", part=1)
    (logs / "current.log").symlink_to(logs / "m" / "2026-03-10.log")
    (logs / "a").symlink_to(logs / "m", target_is_directory=True)
    (logs / "x.log").symlink_to(tmp_path / "outside" / "b.log")
    (logs / "y.log").symlink_to(tmp_path / "outside" / "b.log")
    os.link(logs / "m" / "2026-03-10.log", logs / "z.log")

    found = world.sync(logs)

    assert (found.objects, found.identity.lines, found.identity.duplicates) == (2, 6, 0)
    assert [item.key for item in listed(logs) if isinstance(item, SourceObject)] == [
        str(logs / "m" / "2026-03-10.log"),
        str(logs / "x.log"),
    ]


def test_the_source_itself_may_be_a_link(world: World, tmp_path: Path) -> None:
    log(tmp_path / "real" / "a.gz")
    (tmp_path / "link").symlink_to("real", target_is_directory=True)

    assert world.sync(tmp_path / "link").identity.lines == 3
    assert world.sync(tmp_path / "link" / "*.gz").identity.duplicates == 3


def test_a_link_that_leads_nowhere_is_told(world: World, logs: Path) -> None:
    log(logs / "a.gz")
    (logs / "nothing.gz").symlink_to("gone.gz")
    (logs / "itself.gz").symlink_to("itself.gz")
    (logs / "no-folder.gz").symlink_to("/dev/null/x", target_is_directory=True)
    (logs / "not-asked.txt").symlink_to("gone.txt")

    code, lines, said = ran(world, "--source", str(logs / "*.gz"))

    assert (code, lines) == (1, 3)
    for name, why in (
        ("nothing", "it is a link to nothing"),
        ("itself", "Too many levels"),
        ("no-folder", "Not a dir"),
    ):
        assert f"{logs / name}.gz could not be read: {why}" in said
    assert "not-asked" not in said
    assert not world.has_read_everything()


# --- names ----------------------------------------------------------------------------------------------------------


def test_hidden_files_and_folders_are_left_out_alike_unless_they_are_named(world: World, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    names = ["a.gz", ".b.gz", ".c/c.gz", "d/.e/e.gz", "d/.f.gz"]
    for part, name in enumerate(names):
        log(logs / name, part)

    assert {Path(item.key).name for item in listed(logs) if isinstance(item, SourceObject)} == {"a.gz"}
    assert world.sync(logs).identity.lines == 3
    assert world.sync(logs / "**").identity.lines == 3  # the same file, by the name of another source
    assert world.sync(logs / ".c").identity.clicks == 3
    assert world.sync(logs / "d" / ".*").identity.clicks == 3
    assert world.sync(logs / "*" / ".e" / "*").identity.clicks == 3
    assert world.sync(logs / ".b.gz").identity.clicks == 3


PATTERNS = (
    *("*", "*.gz", "*.log", "*/*", "*/*.gz", "**", "**/*.gz", "**/*.log", "a*/**", "a*/**/*.gz", "**/b/*", "**/b/**"),
    *("[ab]/*.gz", "[!a]*/*", "?/?.gz", "a/b/*", "**/**/*.gz", "**/a/**/b/*.gz", "*.GZ", "a/.hidden/*", ".*", "**/.*"),
    *("**/.hidden/**", "b[[]1]/*", "none*/*", "*/b/c.gz"),
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_glob_matches_what_python_says_that_it_matches(tmp_path: Path, pattern: str) -> None:
    names = "a.gz b.log .h.gz a/a.gz a/b/c.gz a/b/b/d.gz a/.hidden/e.gz b/b.gz b/b/f.log b[1]/g.gz c/a/x/b/h.gz Ä/i.gz"
    for name in names.split():
        write(tmp_path / name, "")
    matched = glob.glob(str(tmp_path / pattern), recursive=True)  # noqa: PTH207  (Path.glob hides no names)
    expected = {name for name in matched if Path(name).is_file()}

    found = listed(tmp_path / pattern)

    assert {item.key for item in found if isinstance(item, SourceObject)} == expected
    assert len(found) == len(expected)


def test_a_glob_in_a_folder_that_is_not_there_is_an_error(world: World, tmp_path: Path) -> None:
    code, _, said = ran(world, "--source", str(tmp_path / "lgos" / "*.gz"))

    assert code == 1
    assert f"{tmp_path / 'lgos'} does not exist" in said


def test_a_name_that_the_books_cannot_hold_fails_alone(world: World, logs: Path) -> None:
    log(logs / "a.gz")
    log(logs / "z.gz", part=1)
    long = b"/".join([b"n" * 200] * 6) + b"/b.gz"
    for part, name in enumerate((b"b\xff.gz", b"\xc3(/b.gz", b"\xfe/deep/b.gz", long), 2):
        log(Path(os.fsdecode(bytes(logs) + b"/" + name)), part)

    code, lines, said = ran(world, "--source", str(logs))

    assert (code, lines) == (1, 6)
    for told in ("b\\xff.gz could", "\\xc3( could", "\\xfe could", "longer than 1,024 bytes"):
        assert told in said
    assert "Traceback" not in said
    assert not world.has_read_everything()

    Path(os.fsdecode(bytes(logs) + b"/b\xff.gz")).rename(logs / "b.gz")
    again = world.sync(logs)
    assert (again.identity.lines, again.complete, len(again.unlisted)) == (3, False, 3)


def test_a_source_whose_name_is_none_is_refused(world: World) -> None:
    for name, said in ((b"/logs/\xff", "no UTF-8"), (b"", "empty"), (b"~nobody-knows-them/logs", "cannot be a source")):
        code, _, told = ran(world, b"--source", name)

        assert code == 1
        assert told.startswith("invalid_source: ")
        assert said in told


# --- what is no file, or not for long -------------------------------------------------------------------------------


def test_what_is_no_file_is_told_and_waits_for_nobody(
    world: World, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(logs / "a.gz")
    log(logs / "z.gz", part=1)
    os.mkfifo(logs / "pipe.gz")
    os.mkfifo(logs / "pipe.log")
    monkeypatch.chdir(logs)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.log")

    code, lines, said = ran(world, "--source", str(logs))

    assert (code, lines) == (1, 6)
    for name in ("pipe.gz", "pipe.log", "socket.log"):
        assert f"{logs / name} could not be read: it is not a regular file" in said
    assert not world.has_read_everything()
    assert world.sync(logs / "[az].gz").complete  # what is not asked for disturbs nobody
    [error] = world.sync(logs / "pipe.gz").errors
    assert error.startswith(f"invalid_source: {logs / 'pipe.gz'} is not a regular file; a source is a file, a folder")


def source_of(world: World, place: Path) -> FileSource:
    config: SourceConfig = open_sources([str(place)], None, world.settings, lambda: world.now)[0].config
    return FileSource(config, config.url)


def test_a_folder_that_vanishes_while_others_are_listed_is_told(world: World, tmp_path: Path) -> None:
    for part, name in enumerate("abc"):
        log(tmp_path / "logs" / name / "log.gz", part)
    walk = source_of(world, tmp_path / "logs").objects(SourceHistory(), everything=True)

    first = next(walk)
    shutil.rmtree(tmp_path / "logs" / "b")
    rest = list(walk)

    assert isinstance(first, SourceObject)
    assert rest[0] == UnlistedPlace(str(tmp_path / "logs" / "b"), "it vanished meanwhile")
    assert isinstance(rest[1], SourceObject)
    assert rest[1].key == str(tmp_path / "logs" / "c" / "log.gz")


def test_a_file_that_becomes_a_pipe_before_it_is_opened_stops_nobody(world: World, tmp_path: Path) -> None:
    path = log(tmp_path / "a.gz")
    source = source_of(world, path)
    [item] = source.objects(SourceHistory(), everything=True)
    path.unlink()
    os.mkfifo(path)

    assert isinstance(item, SourceObject)
    with pytest.raises(OSError, match="not a regular file"):
        source.open(item)


def test_folders_that_come_and_go_stop_no_sync(world: World, logs: Path) -> None:
    for part in range(20):
        log(logs / f"{part:02}" / "a.gz", part)
    churn = f"cd {logs} && while :; do mkdir -p 05x/y 15x/y && touch 05x/y/a 15x/y/a && rm -r 05x 15x; done"
    moving = subprocess.Popen(["sh", "-c", churn])
    try:
        for _ in range(30):
            found = listed(logs / "**")
            assert len([one for one in found if isinstance(one, SourceObject) and one.key.endswith(".gz")]) == 20
        world.sync(logs / "**" / "*.gz")
    finally:
        moving.kill()
        moving.wait()

    assert world.clicks().height == 60


# --- nothing at all -------------------------------------------------------------------------------------------------


def test_a_source_in_which_nothing_ever_was_is_told(world: World, logs: Path) -> None:
    logs.mkdir()
    places = [str(logs), str(logs / "*.zip")]
    words = [word for place in places for word in ("--source", place)]

    _, _, said = ran(world, *words)
    assert [f"{place} holds no file, and never did" in said for place in places] == [True, True]

    file = log(logs / "a.zip")
    assert "never did" not in ran(world, *words)[2]
    file.unlink()
    assert "never did" not in ran(world, *words)[2]


def test_what_was_refused_says_how_it_is_tried_again(world: World, logs: Path) -> None:
    log(logs / "a.gz")
    write(logs / "short.log", realtime_text(requests(2, start=9)).replace("\t", " "))

    _, lines, said = ran(world, "--source", str(logs))

    assert lines == 3
    assert "warning: 1 object refused: " in said
    assert "`sync --full` tries them again" in said
