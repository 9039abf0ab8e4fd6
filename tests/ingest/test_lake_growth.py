"""A lake of an older release gets the columns of this one; whoever reads it meanwhile gets the same answers."""

from __future__ import annotations

import shutil
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType
from support import forks
from support.logs import Request, realtime_text, write
from support.old_lakes import AS_0_1_0, DYING, columns_of_0_1_0, files_below
from support.posts import convert
from support.world import NOW, ROOT, World

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import Application, build
from analytics_core.engines.duckdb import DuckDBEngine
from analytics_core.engines.engine import Scan, Statement
from analytics_core.model import Period, Query
from analytics_core.query.catalog import GROUPINGS
from analytics_core.store import lake
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.growth import grow
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_format import (
    CHECKPOINT_INTERVAL,
    FORMAT_PROPERTY,
    LAKE_FORMAT,
    format_of,
    missing_fields,
)
from analytics_core.store.lake_tables import CLICKS, CONVERSIONS, SIGNALS, TABLES, VERDICTS, TableSpec

PERIOD = Period(date(2026, 3, 1), date(2026, 3, 12))
GROWING = [spec for spec in TABLES if spec.later]
SAID = Request(3, query="qr=1&utm_source=mail")


def sync_as_0_1_0(world: World, *sources: Path) -> None:
    words = [sys.executable, "-c", AS_0_1_0, "sync", *(word for source in sources for word in ("--source", source))]
    environment = world.process_environment()
    forks.run(list(map(str, words)), environment, world.folder, check=True, timeout=120)


@pytest.fixture(scope="module")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A lake that a program with the columns of 0.1.0 filled, to be copied."""
    world = World(tmp_path_factory.mktemp("old"))
    world.load()
    convert(world, Request(1), key="first")
    sync_as_0_1_0(world, write(world.folder / "a.gz", realtime_text([Request(number) for number in range(3)])))
    sync_as_0_1_0(world, write(world.folder / "b.gz", realtime_text([Request(10, country="US"), Request(11)])))
    return world


@pytest.fixture
def old(world: World, filled_once: World) -> World:
    shutil.copytree(filled_once.folder / "var", world.folder / "var", dirs_exist_ok=True)
    return world


@pytest.fixture
def application(old: World) -> Iterator[Application]:
    built = build(old.settings, clock=lambda: NOW)
    yield built
    built.analytics.close()


def answers(application: Application) -> list[Any]:
    """What is read from roll-ups, from facts, and as of a moment; and single events."""
    analytics, ann = application.analytics, Actor("user_ann")
    questions = [Query("acme", name, PERIOD) for name in ("day", "country", "device", "segment", "campaign")]
    questions += [replace(one, as_of=NOW) for one in questions]
    events = [Query("acme", "event", PERIOD), Query("acme", "event", PERIOD, events="conversions")]
    given: list[Any] = [analytics.run(one, ann) for one in questions]
    return given + [pl.concat(analytics.export_rows(one, ann).frames).rows() for one in events]


def versions(world: World) -> dict[str, int]:
    return {spec.name: world.lake.open(spec).version() for spec in TABLES}


def has_grown(one: Lake) -> bool:
    has_columns = not any(missing_fields(one.open(spec), spec) for spec in TABLES)
    return has_columns and format_of(one.open(CLICKS)) == LAKE_FORMAT and intervals(one) == {"20"}


def intervals(one: Lake) -> set[str | None]:
    """After how many commits each table has a checkpoint."""
    return {one.open(spec).metadata().configuration.get(CHECKPOINT_INTERVAL) for spec in TABLES}


def test_answers_are_the_same_before_and_after_a_lake_grows(
    old: World, application: Application, tmp_path: Path
) -> None:
    before, at_first = answers(application), versions(old)
    assert not has_grown(old.lake)
    assert versions(old) == at_first  # who reads writes nothing

    grow(old.lake)

    assert has_grown(old.lake)
    assert answers(application) == before
    grow(old.lake)
    grown = versions(old)
    assert {name: grown[name] - at_first[name] for name in grown} == {
        spec.name: bool(spec.later) + 1 + (spec is CLICKS) for spec in TABLES
    }

    from_openai = replace(SAID, address="20.42.10.176")
    old.sync(write(tmp_path / "c.gz", realtime_text([from_openai])))

    assert [one.totals.clicks for one in answers(application)[:5]] == [6] * 5
    kept = old.clicks().sort("at").select("trigger", "utm_source", "network")
    assert kept.rows() == [(None, None, None)] * 3 + [("qr", "mail", "openai")] + [(None, None, None)] * 2
    assert [one.totals.bot_clicks for one in answers(application)[:5]] == [1] * 5
    old.run("compact")
    assert old.clicks().sort("at").select("trigger", "utm_source", "network").rows() == kept.rows()
    assert all(check["holds"] for check in old.run_json("verify", "--json"))


def test_a_checkpoint_comes_every_20_commits_unless_somebody_said_otherwise(old: World) -> None:
    assert intervals(old.lake) == {None}
    old.lake.open(CLICKS).alter.set_table_properties({CHECKPOINT_INTERVAL: "7"})
    grow(old.lake)
    assert old.lake.open(CLICKS).metadata().configuration[CHECKPOINT_INTERVAL] == "7"
    assert intervals(old.lake) == {"7", "20"}

    while (table := old.lake.open(SIGNALS)).version() < 19:
        old.lake.append(table, SIGNALS, pl.DataFrame(schema=SIGNALS.schema))
    log = Path(old.lake.url, "signals", "_delta_log")
    assert [path.name for path in log.glob("*.checkpoint.parquet")] == [f"{19:020}.checkpoint.parquet"]


def test_a_fresh_process_answers_from_a_lake_that_is_half_grown(old: World, application: Application) -> None:
    before = answers(application)
    words = [sys.executable, "-c", DYING, "1", "compact"]
    assert forks.run(words, old.process_environment(), old.folder, check=False, timeout=120).returncode == -9
    assert [spec for spec in GROWING if missing_fields(old.lake.open(spec), spec)] == GROWING[1:]

    again = build(old.settings, clock=lambda: NOW)

    assert answers(again) == before
    again.analytics.close()


@pytest.mark.parametrize("commits", [0, 1, 3, len(GROWING)])
def test_a_lake_whose_growth_was_killed_is_grown_by_the_next_sync(
    old: World, application: Application, tmp_path: Path, commits: int
) -> None:
    before, log = answers(application), write(tmp_path / "c.gz", realtime_text([SAID]))
    words = [sys.executable, "-c", DYING, str(commits), "sync", "--source", str(log)]
    assert forks.run(words, old.process_environment(), old.folder, check=False, timeout=120).returncode == -9
    assert not has_grown(old.lake)
    assert answers(application) == before

    assert old.run_json("sync", "--source", str(log))["clicks"] == 1

    assert has_grown(old.lake)
    assert old.clicks().height == 6
    assert all(check["holds"] for check in old.run_json("verify", "--json"))


def test_processes_that_meet_an_old_lake_at_once_grow_it_once(old: World) -> None:
    before = versions(old)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(grow, [old.lake] * 6))

    assert has_grown(old.lake)
    for spec in TABLES:
        names = [field.name for field in old.lake.open(spec).schema().fields]
        assert names == list(spec.columns)
    assert {name: version - before[name] for name, version in versions(old).items()} == {
        spec.name: bool(spec.later) + 1 + (spec is CLICKS) for spec in TABLES
    }


def test_rows_that_were_decided_before_a_table_grew_are_decided_again(old: World) -> None:
    table = old.lake.open(CLICKS)
    rows = old.clicks().head(1)
    grow(old.lake)

    with pytest.raises(CommitConflictError):
        old.lake.append(table, CLICKS, rows)


def test_a_program_with_the_old_columns_leaves_a_grown_lake_alone(old: World, tmp_path: Path) -> None:
    """So two releases may run at once: the older one ends with an error, and what it would have read waits."""
    log = write(tmp_path / "c.gz", realtime_text([SAID]))
    grow(old.lake)
    before = files_below(Path(old.lake.url))

    words = [sys.executable, "-c", AS_0_1_0, "sync", "--source", str(log)]
    ended = forks.run(words, old.process_environment(), old.folder, check=False, timeout=120)

    assert ended.returncode == 1
    assert "got format 2, which a newer Clickledger wrote" in ended.stderr
    assert files_below(Path(old.lake.url)) == before
    assert old.sync(log).identity.clicks == 1


def test_rows_of_release_0_1_0_that_reach_a_grown_table_count(old: World, application: Application) -> None:
    """Release 0.1.0 itself looks for no newer lake: what it commits beside this one is read and counted."""
    grow(old.lake)
    table = old.lake.open(CLICKS)
    rows = old.clicks().head(1).with_columns(event_id=pl.lit(77, dtype=pl.Int64))
    with columns_of_0_1_0(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake, "check_format", accepts)  # it had no such thing
        old.lake.append(table, CLICKS, rows)

    old.run("compact")

    assert old.clicks().height == 6
    assert [one.totals.clicks for one in answers(application)[:5]] == [6] * 5


@pytest.mark.parametrize("words", [("sync", "--source", "c.gz"), ("compact",)], ids=["sync", "compact"])
@pytest.mark.parametrize("what", ["format", "column"])
def test_a_lake_of_a_newer_program_is_left_alone(world: World, words: tuple[str, ...], what: str) -> None:
    write(world.folder / "a.gz", realtime_text([Request(1)]))
    write(world.folder / "c.gz", realtime_text([Request(2)]))
    world.sync(world.folder / "a.gz")
    if what == "format":
        table = DeltaTable(world.lake.uri(CLICKS))
        table.alter.set_table_properties({FORMAT_PROPERTY: "3"}, raise_if_not_exists=False)
        said = "The lake must be of format 2 or older; got format 3, which a newer Clickledger wrote."
    else:
        added = Field("mood", PrimitiveType("string"))
        DeltaTable(world.lake.uri(CONVERSIONS)).alter.add_columns([added])
        said = "The table conversions must have columns that this version knows; got mood, which a newer Clickledger"
    before, runs = files_below(Path(world.lake.url)), runs_of(world)

    ended = world.run(*words, check=False)

    assert ended.returncode == 1
    assert f"store_unavailable: {said}" in ended.stderr
    assert files_below(Path(world.lake.url)) == before
    assert runs_of(world) == runs
    application = build(world.settings, clock=lambda: NOW)
    assert application.analytics.run(Query("acme", "day", PERIOD), Actor("user_ann")).totals.clicks == 1
    application.analytics.close()


def accepts(table: DeltaTable, spec: TableSpec) -> None:
    """Any table."""


def runs_of(world: World) -> int:
    with world.database.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM syncs").scalar_one()


def test_a_table_that_a_newer_program_grows_during_a_sync_gets_no_more_rows(world: World) -> None:
    world.sync(write(world.folder / "a.gz", realtime_text([Request(1)])))
    table = DeltaTable(world.lake.uri(VERDICTS))
    table.alter.add_columns([Field("mood", PrimitiveType("string"))])

    with pytest.raises(Exception, match="got mood"):
        world.lake.append(world.lake.open(VERDICTS), VERDICTS, pl.DataFrame(schema=VERDICTS.schema))


def test_a_folder_of_another_table_is_no_lake(world: World) -> None:
    pl.DataFrame({"slug": ["launch"]}).write_delta(world.lake.uri(CLICKS))

    ended = world.run("compact", check=False)

    assert ended.returncode == 1
    assert "The table clicks must have the column day; it has slug." in ended.stderr


def test_the_engine_reads_files_with_and_without_a_column_as_one_table(old: World) -> None:
    sql = "SELECT count(*) AS clicks, count(trigger) AS known, min(utm_source) AS source FROM {clicks}"
    schema = pl.Schema({"clicks": pl.Int64, "known": pl.Int64, "source": pl.String})

    engine = DuckDBEngine(memory_megabytes=200, seconds=10)

    def counted() -> tuple[Any, ...]:
        scans = {"clicks": Scan(CLICKS, tuple(sorted(files_of(old.lake.open(CLICKS)))))}
        return engine.frame(Statement(sql, schema, {}, scans, row_cap=1)).row(0)

    without = counted()
    old.sync(write(old.folder / "c.gz", realtime_text([SAID])))

    assert (without, counted()) == ((5, 0, None), (6, 1, "mail"))
    engine.close()


def take_over_the_state_of_0_1_0(world: World) -> None:
    """60 clicks; what release 0.1.0 itself left behind, with its lists and its derivation of the roll-ups."""
    state = world.folder / "var"
    shutil.rmtree(state / "lake", ignore_errors=True)
    with tarfile.open(ROOT / "tests" / "fixtures" / "state-of-0.1.0.tar.xz") as kept:
        kept.extractall(state, filter="data")


def test_every_breakdown_of_the_lake_of_release_0_1_0_is_answered_before_and_after_it_grows(world: World) -> None:
    take_over_the_state_of_0_1_0(world)
    application = build(world.settings, clock=lambda: NOW)

    def answered() -> dict[str, Any]:
        ann = Actor("user_ann")
        return {name: application.analytics.run(Query("acme", name, PERIOD), ann) for name in GROUPINGS}

    before = answered()
    assert all(one.rows for one in before.values())
    grow(world.lake)
    assert has_grown(world.lake)
    assert answered() == before

    world.sync(write(world.folder / "new.gz", realtime_text([SAID])))

    derived = answered()
    clicks = {name: sum(row.metrics.clicks for row in one.rows) for name, one in derived.items()}
    assert clicks == dict.fromkeys(GROUPINGS, 61)
    sources = {row.key: row.metrics.clicks for row in derived["utmSource"].rows}
    assert sources == {"mail": 1, "(not tracked)": 60}
    assert {row.key for row in derived["browser"].rows} == {"Chrome"}
    world.run("compact")
    assert [one.rows for one in answered().values()] == [one.rows for one in derived.values()]
    application.analytics.close()


def test_the_lake_of_release_0_1_0_grows_and_keeps_its_clicks(world: World) -> None:
    take_over_the_state_of_0_1_0(world)
    facts = world.clicks().sort("event_id")
    assert not has_grown(world.lake)

    world.sync(write(world.folder / "new.gz", realtime_text([SAID])))

    assert has_grown(world.lake)
    now = world.clicks().sort("event_id")
    assert now.height == 61
    assert now.filter(pl.col("trigger").is_null()).equals(facts)
    days = world.counts().filter(pl.col("grain") == "day")
    assert days["clicks"].sum() == 61
    assert all(check["holds"] for check in world.run_json("verify", "--json"))
