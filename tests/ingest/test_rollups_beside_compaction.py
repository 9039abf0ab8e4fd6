"""Roll-ups stay right beside compaction, and say by themselves when they are not."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from starlette.testclient import TestClient
from support.api import Api
from support.logs import START, Request, realtime_text, write
from support.world import NOW, ROOT, World

from analytics_core.access.actors import Actor
from analytics_core.api import create_app
from analytics_core.bootstrap import Application, build
from analytics_core.model import Period, Query
from analytics_core.store.commit_time import stamps_of
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICK_COUNTS, CLICKS, TableSpec
from analytics_core.store.parts import parts_of
from ingest import sync
from ingest.rollups import catch_up, rebuild
from ingest.rollups.completeness import Misfit, find_misfits

FIRST, SECOND = START, START + timedelta(days=1)


def log(world: World, number: int) -> Path:
    """Ten clicks on each of two days."""
    lines = [Request(100 * number + one, at=day) for day in (FIRST, SECOND) for one in range(10)]
    numbered = [replace(line, request_id=f"{line.at:%d}-{line.number}") for line in lines]
    return write(world.folder / f"{number}.log", realtime_text(numbered))


def rearrange(lake: Lake, day: date) -> None:
    """As a compaction does it, in a process of its own: `lake` is opened anew."""
    table = lake.open(CLICKS)
    parts = [part for part in parts_of(table) if part.partition["day"] == day.isoformat()]
    if len(parts) > 1:
        rows = lake.scan_files(CLICKS, [f"{lake.uri(CLICKS)}/{part.path}" for part in parts]).collect()
        lake.rearrange(table, CLICKS, parts, [rows])


class Interrupted(Lake):
    """Another process rearranges the clicks of the second day right after this one opened the table for the n-th
    time."""

    def __init__(self, url: str, opening: int) -> None:
        super().__init__(url)
        self.openings_left = opening

    def open(self, spec: TableSpec) -> DeltaTable:
        table = super().open(spec)
        if spec is CLICKS:
            self.openings_left -= 1
            if self.openings_left == 0:
                rearrange(Lake(self.url), SECOND.date())
        return table


@pytest.fixture
def application(world: World) -> Iterator[Application]:
    built = build(world.settings, clock=lambda: NOW)
    yield built
    built.analytics.close()


def clicks_per_day(application: Application) -> dict[str, int]:
    query = Query("acme", "day", Period(FIRST.date(), SECOND.date()))
    return {row.key: row.metrics.clicks for row in application.analytics.run(query, Actor("user_ann")).rows}


@pytest.mark.parametrize("opening", [1, 2, 3])
def test_a_compaction_beside_catching_up_changes_no_number(
    world: World, application: Application, monkeypatch: pytest.MonkeyPatch, opening: int
) -> None:
    world.sync(log(world, 0))
    with monkeypatch.context() as patched:  # the next two are committed, and folded in later
        for module in (sync, rebuild):
            patched.setattr(module, "catch_up", lambda *_: None)
        world.sync(log(world, 1))
        rearrange(world.lake, FIRST.date())
        world.sync(log(world, 2))

    catch_up.catch_up(
        Interrupted(world.settings.lake_url, opening),
        world.agents,
        world.settings.segment_rules,
        stamps_of(lambda: NOW, world.database),
    )

    assert clicks_per_day(application) == {"20260310": 30, "20260311": 30}
    assert find_misfits(world.lake) == []
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_roll_ups_that_another_program_wrote_to_are_noticed_and_derived_anew(
    world: World, application: Application
) -> None:
    world.sync(log(world, 0))
    assert clicks_per_day(application) == {"20260310": 10, "20260311": 10}
    counts = world.counts()
    write_deltalake(world.lake.uri(CLICK_COUNTS), counts.to_arrow(), mode="append")

    run = world.run("sync", "--source", str(log(world, 1)))

    assert "the roll-ups held 40 clicks where there are 20; they were derived anew, and fit now." in run.stderr
    assert clicks_per_day(application) == {"20260310": 20, "20260311": 20}
    assert find_misfits(world.lake) == []


def test_no_answer_is_given_from_roll_ups_that_are_known_not_to_fit(world: World, application: Application) -> None:
    """A sync that was killed between finding out and deriving them anew."""
    world.sync(log(world, 0))
    doubled = world.counts().with_columns(pl.col("clicks") * 2)
    write_deltalake(world.lake.uri(CLICK_COUNTS), doubled.to_arrow(), mode="append")

    assert find_misfits(world.lake) == [Misfit("clicks", held=60, rows=20)]
    with TestClient(create_app(lambda: application)) as client:
        signed = {"Authorization": f"Bearer {Api(client, application, world).token()}"}
        refused = client.get("/v2/handles/acme/analytics?groupBy=day", headers=signed)
        assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")
        assert "do not hold the clicks of its facts; the next sync derives them anew." in refused.json()["message"]
        assert 'clickledger_rollup_misfit_rows{facts="clicks"} 40.0' in client.get("/metrics").text
    version = world.lake.open(CLICK_COUNTS).version()
    assert find_misfits(world.lake) == [Misfit("clicks", held=60, rows=20)]
    assert world.lake.open(CLICK_COUNTS).version() == version  # said once

    world.sync(world.folder / "0.log")
    with TestClient(create_app(lambda: application)) as client:
        assert 'clickledger_rollup_misfit_rows{facts="clicks"} 0.0' in client.get("/metrics").text
    assert clicks_per_day(application) == {"20260310": 10, "20260311": 10}


def test_what_a_compaction_merged_is_counted_by_the_next_sync_and_keeps_the_version(
    world: World, application: Application
) -> None:
    for number in range(3):
        world.sync(log(world, number))
    world.run("compact")
    query = Query("acme", "day", Period(FIRST.date(), SECOND.date()))
    before = application.analytics.run(query, Actor("user_ann")).data_version

    assert world.sync(world.folder / "0.log").misfits == ()

    snapshot = world.lake.snapshot()
    assert snapshot.tallies["clicks"].said_at == snapshot.versions[0]
    assert application.analytics.run(query, Actor("user_ann")).data_version == before


def test_roll_ups_that_release_0_1_0_derived_wrongly_are_mended_by_the_first_sync(
    world: World, application: Application
) -> None:
    state = world.folder / "var"
    shutil.rmtree(state / "lake", ignore_errors=True)
    with tarfile.open(ROOT / "tests" / "fixtures" / "state-of-0.1.0.tar.xz") as kept:
        kept.extractall(state, filter="data")
    of_days = world.counts().filter(pl.col("grain") == "day").group_by("slot").agg(pl.col("clicks").sum())
    assert of_days.sort("slot")["clicks"].to_list() == [30, 10]

    world.sync(log(world, 0))

    assert clicks_per_day(application) == {"20260310": 30, "20260311": 30}
    assert all(check["holds"] for check in world.run_json("verify", "--json"))
