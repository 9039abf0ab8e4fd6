"""What must stay for ever stays when logs are cleaned; what a checkpoint of a day ago says as well goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from support.logs import Request, realtime_text, write
from support.posts import convert
from support.world import NOW, World

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import Application, build
from analytics_core.model import Period, Query
from analytics_core.store.lake_tables import CLICKS, TABLES, TableSpec

MONTH = Period(date(2026, 3, 1), date(2026, 3, 12))
FOLDED = [  # transactions of a roll-up
    *("clicks", "conversions", "signals"),
    *(f"tally:{facts}:{field}" for facts in ("clicks", "conversions") for field in ("version", "held", "facts")),
]


def log_of(world: World, spec: TableSpec) -> Path:
    return Path(world.lake.uri(spec), "_delta_log")


def commits_of(world: World) -> dict[str, int]:
    return {spec.name: len(list(log_of(world, spec).glob("*.json"))) for spec in TABLES}


def let_two_days_pass(world: World) -> None:
    for spec in TABLES:
        for file in log_of(world, spec).iterdir():
            then = file.stat().st_mtime - 2 * 86_400
            os.utime(file, (then, then))


def transactions(world: World, source: str) -> dict[str, dict[str, int]]:
    """By table and name: those of every table that carries any."""
    names = [*FOLDED, "appended", "learnt", "midnights", f"ingest:{source}"]

    def of(table: DeltaTable) -> dict[str, int]:
        found = {name: table.transaction_version(name) for name in names}
        return {name: version for name, version in found.items() if version is not None}

    return {spec.name: of(world.lake.open(spec)) for spec in TABLES}


@pytest.fixture
def application(world: World) -> Iterator[Application]:
    built = build(world.settings, clock=lambda: NOW)
    yield built
    built.analytics.close()


def answers(application: Application, world: World) -> list[Any]:
    ann = Actor("user_ann")
    questions = [Query("acme", name, MONTH, as_of=world.now) for name in ("day", "country", "segment")]
    events = application.analytics.export_rows(replace(questions[0], group_by="event"), ann).frames
    return [*(application.analytics.run(one, ann) for one in questions), pl.concat(events).rows()]


def newest_answers(application: Application) -> list[Any]:
    ann, asked = Actor("user_ann"), Query("acme", "event", MONTH)
    clicks, conversions = (
        pl.concat(application.analytics.export_rows(replace(asked, events=events), ann).frames).rows()
        for events in ("clicks", "conversions")
    )
    by_day = application.analytics.run(replace(asked, group_by="day"), ann)
    return [clicks, conversions, by_day.rows, by_day.data_version]


def test_transactions_and_answers_as_of_a_moment_outlive_the_log(
    world: World, application: Application, tmp_path: Path
) -> None:
    log = tmp_path / "live.log"
    convert(world, Request(1), key="a")
    for part in range(4):
        with log.open("a") as file:
            file.write(realtime_text([Request(number) for number in range(10 * part, 10 * part + 10)]))
        world.sync(log)
    before, at_first, known = answers(application, world), commits_of(world), transactions(world, str(log))
    assert known["clicks"][f"ingest:{log}"] == 4
    assert set(FOLDED) <= known["click_counts"].keys() | known["attributions"].keys()

    for _ in range(2):
        world.run("compact")
        let_two_days_pass(world)
    world.run("compact")

    after = commits_of(world)
    assert all(after[name] < at_first[name] for name in ("clicks", "click_counts"))
    assert max(after.values()) <= 8  # what the last compaction itself commits
    kept = transactions(world, str(log))
    assert {name: said.keys() for name, said in kept.items()} == {
        name: said.keys() | (kept[name].keys() if name == "batch_summaries" else set()) for name, said in known.items()
    }
    assert kept["clicks"][f"ingest:{log}"] == 4
    assert answers(application, world) == before  # of a process that was there all the time
    fresh = build(world.settings, clock=lambda: NOW)
    assert answers(fresh, world) == before
    fresh.analytics.close()
    assert world.sync(log).identity.lines == 0
    assert world.sync(write(tmp_path / "new.log", realtime_text([Request(1), Request(99)]))).identity.clicks == 1
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_retention_that_somebody_gave_to_a_table_stays(world: World, tmp_path: Path) -> None:
    world.sync(write(tmp_path / "a.log", realtime_text([Request(1)])))
    DeltaTable(world.lake.uri(TABLES[0])).alter.set_table_properties({"delta.logRetentionDuration": "interval 9 days"})

    world.run("compact")

    kept = {spec.name: world.lake.open(spec).metadata().configuration["delta.logRetentionDuration"] for spec in TABLES}
    assert kept == dict.fromkeys(kept, "interval 1 days") | {TABLES[0].name: "interval 9 days"}


def test_the_newest_answers_stand_when_the_logs_keep_only_their_last_checkpoint(
    world: World, application: Application, tmp_path: Path
) -> None:
    """Roll-ups name the versions of the facts that they hold: the logs must tell those, however short they are."""
    convert(world, Request(1), key="a")
    world.sync(write(tmp_path / "a.log", realtime_text([Request(number) for number in range(10)])))
    before = newest_answers(application)
    for spec in TABLES:
        DeltaTable(world.lake.uri(spec)).alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})

    world.run("compact")

    assert not (log_of(world, CLICKS) / f"{0:020}.json").exists()
    assert newest_answers(application) == before  # of a process that was there all the time
    fresh = build(world.settings, clock=lambda: NOW)
    assert newest_answers(fresh) == before
    fresh.analytics.close()
    assert world.sync(write(tmp_path / "b.log", realtime_text([Request(99)]))).identity.clicks == 1
    assert all(check["holds"] for check in world.run_json("verify", "--json"))
