"""`sync --every` outlives whatever one round meets: that is told, the rest is read, and the next round goes on."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pytest
from support import forks, proxy, s3
from support.forks import Program
from support.logs import realtime_text, requests, write
from support.world import World, stopped_by_permissions

from analytics_core.store import object_storage
from ingest.sources import Source, SourceObject, open_sources
from ingest.sources.files import FileSource
from ingest.sync import prepare
from ingest.sync_progress import ProgressLines
from ingest.sync_result import SyncResult


@dataclass
class Loop:
    """A running `sync --every 1s`."""

    process: Program
    folder: Path

    def rounds(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "stdout").read_text().splitlines()]

    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    def lines(self) -> int:
        return sum(one["lines"] for one in self.rounds())

    def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(900):
            assert self.process.poll() is None, self.said()[-3_000:]
            if holds():
                return
            time.sleep(0.2)
        raise AssertionError(self.said()[-3_000:])


@contextmanager
def looping(world: World, *words: str, stdout: Path | None = None) -> Generator[Loop]:
    out, err = stdout or world.folder / "stdout", world.folder / "stderr"
    with out.open("wb") as printed, err.open("wb") as said:
        command = world.command("sync", "--every", "1s", *words)
        process = forks.start(command, world.process_environment(), world.folder, stdout=printed, stderr=said)
        try:
            yield Loop(process, world.folder)
        finally:
            process.kill()
            process.wait()


def log(path: Path, part: int) -> Path:
    return write(path, realtime_text(requests(3, start=3 * part)))


def configure(world: World, *sources: Path) -> None:
    entries = [f'[[source]]\nurl = "{source}"\n' for source in sources]
    (world.folder / "sources.toml").write_text("".join(entries))


def replace_database(path: Path, content: bytes) -> None:
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    path.with_name("new").write_bytes(content)
    path.with_name("new").rename(path)


def test_a_loop_outlives_bad_names_folders_settings_and_databases(world: World, tmp_path: Path) -> None:
    logs, other = tmp_path / "logs", tmp_path / "other"
    log(logs / "a.gz", 0)
    log(logs / "secret" / "b.gz", 1)
    log(Path(os.fsdecode(bytes(logs) + b"/\xff.log")), 2)
    log(other / "c.gz", 3)
    (logs / "secret").chmod(0o600)
    configure(world, logs, other)
    environment = {"CLICKLEDGER_SOURCES": str(tmp_path / "sources.toml")}
    stopped = replace(world, before=stopped_by_permissions(), environment=environment)
    database = Path(world.settings.database.removeprefix("sqlite:///"))

    with looping(stopped) as loop:
        loop.until(lambda: loop.lines() == 6)
        loop.until(lambda: "Permission denied" in loop.said() and "no UTF-8" in loop.said())
        assert not world.has_read_everything()

        (logs / "secret").chmod(0o700)
        Path(os.fsdecode(bytes(logs) + b"/\xff.log")).rename(logs / "d.log")
        loop.until(lambda: loop.lines() == 12)
        loop.until(world.has_read_everything)

        logs.rename(tmp_path / "gone")  # one source: the other is read all the same
        log(other / "e.gz", 4)
        loop.until(lambda: loop.lines() == 15 and f"{logs} does not exist" in loop.said())
        (tmp_path / "gone").rename(logs)

        (tmp_path / "sources.toml").write_text("[source")
        loop.until(lambda: "is not valid TOML" in loop.said())
        configure(world, logs, other)

        with closing(sqlite3.connect(database)) as held, closing(sqlite3.connect(tmp_path / "kept")) as kept:
            held.backup(kept)
        replace_database(database, b"no database any more" * 1_000)
        loop.until(lambda: "Trying again" in loop.said().partition("is not valid TOML")[2])
        replace_database(database, (tmp_path / "kept").read_bytes())
        rounds = len(loop.rounds())
        log(other / "f.gz", 5)
        loop.until(lambda: len(loop.rounds()) > rounds and loop.lines() == 18)

    assert world.clicks().height == 18
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_loop_whose_output_has_no_room_goes_on(world: World, tmp_path: Path) -> None:
    log(tmp_path / "logs" / "a.gz", 0)
    with looping(world, "--source", str(tmp_path / "logs"), stdout=Path("/dev/full")) as loop:
        loop.until(lambda: world.clicks().height == 3)
        log(tmp_path / "logs" / "b.gz", 1)
        loop.until(lambda: world.clicks().height == 6)


@pytest.mark.s3
def test_a_loop_outlives_a_store_that_is_away_while_parquet_is_read(
    world: World, s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy.before(s3_endpoint) as store:
        names = {**s3.KEYS, "AWS_ENDPOINT_URL": store.url, "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in names.items():
            monkeypatch.setenv(name, value)
        object_storage.client.cache_clear()
        there = replace(world, environment={"CLICKLEDGER_LAKE": f"s3://{s3.new_bucket(s3_endpoint)}/here"})
        log(tmp_path / "logs" / "a.gz", 0)
        with looping(there, "--source", str(tmp_path / "logs")) as loop:
            loop.until(lambda: loop.lines() == 3)
            store.away = ".parquet"
            log(tmp_path / "logs" / "b.gz", 0)
            loop.until(lambda: "store_unavailable: The lake does not answer" in loop.said())
            assert store.broken
            store.away = None
            loop.until(lambda: loop.lines() == 6)
            assert "Traceback" not in loop.said()

        assert there.clicks().height == 3
        object_storage.client.cache_clear()


class Odd(FileSource):
    """A folder with something that nobody thought of."""

    def open(self, item: SourceObject) -> IO[bytes]:
        if item.key.endswith("shrinks.log"):
            with Path(item.key).open("r+b") as file:
                file.truncate(item.size * 2 // 5)
        return super().open(item)

    def continues(self, item: SourceObject, version: str, *, to_its_end: bool) -> bool:  # noqa: ARG002
        raise LookupError("a defect")


def run(world: World, *sources: Source) -> SyncResult:
    return prepare(world.settings, world.lake, world.database, lambda: world.now, ProgressLines()).run(sources)


def sources_of(world: World, *folders: Path) -> list[Source]:
    return list(open_sources([str(folder) for folder in folders], None, world.settings, lambda: world.now))


def test_a_file_that_shrinks_while_it_is_read_is_read_again(world: World, tmp_path: Path) -> None:
    log(tmp_path / "logs" / "a.gz", 0)
    write(tmp_path / "logs" / "shrinks.log", realtime_text(requests(5, start=10)))
    config = sources_of(world, tmp_path / "logs")[0].config

    first = run(world, Odd(config, config.url))

    assert (first.complete, first.failed, first.identity.rejected, first.identity.lines) == (False, 1, 0, 3)
    assert not world.has_read_everything()

    write(tmp_path / "logs" / "shrinks.log", realtime_text(requests(4, start=20)))
    second = world.sync(tmp_path / "logs")

    assert (second.complete, second.identity.clicks, second.identity.rejected) == (True, 4, 0)


def test_a_defect_in_one_source_is_told_and_the_others_are_read(world: World, tmp_path: Path) -> None:
    grows = log(tmp_path / "odd" / "a.log", 0)
    config = sources_of(world, tmp_path / "odd")[0].config
    run(world, Odd(config, config.url))
    grows.write_text(grows.read_text() + realtime_text(requests(1, start=7)))
    log(tmp_path / "other" / "b.gz", 3)

    found = run(world, Odd(config, config.url), *sources_of(world, tmp_path / "other", tmp_path / "none"))

    assert (found.complete, found.identity.clicks) == (False, 3)
    assert [error.partition(":")[0] for error in found.errors] == ["internal_error", "invalid_source"]
    assert "a defect" in found.errors[0]
    assert world.sync(tmp_path / "odd").identity.clicks == 1
