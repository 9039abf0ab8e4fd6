"""The numbers are as current as the configured source that was read least recently, whatever else was read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.logs import realtime_text, requests, write
from support.world import NOW, World

from analytics_core.errors import SourceError
from analytics_core.store.syncs import Syncs
from ingest.sources import configured_sources

LATER = NOW + timedelta(days=1)


@pytest.fixture
def configured(world: World, tmp_path: Path) -> World:
    """`main` and `edge` are configured, `other` is a folder beside them."""
    for part, name in enumerate(("main", "edge", "other")):
        write(tmp_path / name / "a.gz", realtime_text(requests(3, start=3 * part)))
    configure(tmp_path, "main", "edge")
    return replace(world, environment={"CLICKLEDGER_SOURCES": str(tmp_path / "sources.toml")})


def configure(folder: Path, *names: str, sampling: int = 20) -> None:
    entries = [f'[[source]]\nurl = "{name}"\nsampling = {sampling}\n' for name in names]
    (folder / "sources.toml").write_text("".join(entries))


def after(world: World, minutes: int) -> World:
    return replace(world, now=NOW + timedelta(minutes=minutes))


def current(world: World) -> datetime | None:
    last = Syncs(world.database).last_complete(LATER)
    return None if last is None else last.finished_at


def test_a_folder_read_by_hand_makes_nothing_fresh(configured: World, world: World, tmp_path: Path) -> None:
    configured.sync(tmp_path / "other")
    assert current(world) is None
    after(configured, 1).sync()
    after(configured, 9).sync(tmp_path / "other")
    world.sync(tmp_path / "other")  # in a shell that knows of no configuration
    after(world, 9).sync(tmp_path / "other")
    last = Syncs(world.database).last_complete(LATER)
    assert last is not None
    assert last.finished_at == NOW + timedelta(minutes=1)
    assert last.sampling == {str(tmp_path / "main"): 20, str(tmp_path / "edge"): 20}


def test_the_source_that_was_read_least_recently_counts(configured: World, tmp_path: Path) -> None:
    after(configured, 1).sync()
    after(configured, 2).sync(tmp_path / "main")
    assert current(configured) == NOW + timedelta(minutes=1)
    after(configured, 3).sync(tmp_path / "edge")
    assert current(configured) == NOW + timedelta(minutes=2)


def test_a_source_that_could_not_be_listed_holds_the_others_back(configured: World, tmp_path: Path) -> None:
    after(configured, 1).sync()
    (tmp_path / "edge").rename(tmp_path / "gone")
    assert "does not exist" in after(configured, 2).sync().errors[0]
    assert current(configured) == NOW + timedelta(minutes=1)
    (tmp_path / "gone").rename(tmp_path / "edge")
    after(configured, 3).sync()
    assert current(configured) == NOW + timedelta(minutes=3)


def test_a_source_that_is_new_must_be_read_and_one_that_is_gone_need_not(configured: World, tmp_path: Path) -> None:
    configured.sync()
    configure(tmp_path, "main", "other")
    after(configured, 1).sync(tmp_path / "main")
    assert current(configured) is None
    after(configured, 2).sync(tmp_path / "other")
    assert current(configured) == NOW + timedelta(minutes=1)


def test_a_source_that_was_read_before_it_was_configured_leaves_no_gap(configured: World, tmp_path: Path) -> None:
    configured.sync()
    after(configured, 1).sync(tmp_path / "other")
    configure(tmp_path, "main", "edge", "other")
    after(configured, 2).sync(tmp_path / "main")
    assert current(configured) == NOW


def test_a_configuration_without_sources_leaves_it_to_what_is_read_by_hand(configured: World, tmp_path: Path) -> None:
    configured.sync()
    configure(tmp_path)
    after(configured, 5).sync(tmp_path / "other")
    assert current(configured) == NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[[source]]\nurl = "a"\n[[source]]\nurl = "./a"\n', "source 2: .* is given twice"),
        ('[[source]]\nurl = "a"\ndistribution = "E1,E2"\n', "distribution must be an id such as E2EXAMPLE"),
        ('[source]\nurl = "a"\n', r"headed \[\[source\]\]"),
        ('source = ["a"]\n', r"headed \[\[source\]\]"),
        ('[[source]]\nurl = "a\\u0000"\n', "holds a NUL"),
        ('[[source]]\nurl = "caf\xe9"\n', "is not valid TOML"),
    ],
)
def test_a_configuration_that_would_mix_sources_up_is_refused(
    configured: World, tmp_path: Path, text: str, what: str
) -> None:
    (tmp_path / "sources.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match=what):
        configured_sources(configured.settings)
