"""What is answered for a moment that has passed is answered again, whatever was ingested in between."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from support.logs import START, Request, realtime_text, requests, write
from support.world import World

from analytics_core import exports
from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.model import Period, Query
from analytics_core.store import conversion_ledger
from analytics_core.store.commit_time import newest_stamp, stamps_of
from analytics_core.store.conversion_ledger import Conversion, Post
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICK_COUNTS, CLICKS, CONVERSIONS, TableSpec
from ingest import sync
from ingest.rollups import catch_up, rebuild
from ingest.sources import open_sources
from ingest.sync import prepare

QUERY = Query("acme", "country", Period(date(2026, 3, 1), date(2026, 3, 12)))
ANN = Actor("user_ann")


@dataclass
class Asking:
    """Watches a sync's progress, and does something whenever an object has been read: no commit is under way then."""

    ask: Callable[[], None]

    def plan(self, source: str, size: int) -> None:  # noqa: ARG002  (as Progress has it)
        self.ask()

    def read(self, size: int) -> None:  # noqa: ARG002
        self.ask()


def post(world: World, name: str, request: Request, at: datetime) -> None:
    row = Conversion(
        conversion_id=name,
        handle="acme",
        idempotency_key=name,
        content="",
        slug="launch",
        click_id=request.id,
        clicked_at=request.time,
        session_id=None,
        position=None,
        consent="full",
        event_type="conversion",
        value_e4=10_000,
        currency="EUR",
        at=at,
    )
    with world.database.begin() as connection:
        conversion_ledger.record(connection, [Post(row)])


def test_an_answer_as_of_any_moment_of_a_sync_stays_the_same(world: World, tmp_path: Path) -> None:
    world.environment = {"CLICKLEDGER_BATCH_MEGABYTES": "1"}
    lines = [Request(number, at=START + timedelta(seconds=number)) for number in range(10_000)]
    for part in range(5):
        write(tmp_path / "logs" / f"{part}.gz", realtime_text(lines[2_000 * part : 2_000 * (part + 1)]))
    ticks = itertools.count(1)

    def clock() -> datetime:
        return world.now + timedelta(milliseconds=next(ticks))

    application = build(world.settings, clock=clock)
    analytics = application.analytics
    told: dict[datetime, object] = {}

    def numbers(moment: datetime) -> object:
        answer = analytics.run(replace(QUERY, as_of=moment), ANN)
        events = analytics.export_rows(replace(QUERY, group_by="event", as_of=moment), ANN).frames
        return answer.rows, sum(frame.height for frame in events)

    def ask() -> None:
        moment = clock()
        told[moment] = numbers(moment)

    names = iter(range(100))

    def ask_and_post() -> None:
        ask()
        number = next(names)
        post(world, f"during-{number}", lines[1_500 * number], clock())

    for number in (0, 3_000, 9_999):
        post(world, f"before-{number}", lines[number], clock())
    sources = open_sources([str(tmp_path / "logs")], None, world.settings, clock)
    for watching in (ask_and_post, ask):
        prepare(world.settings, world.lake, world.database, clock, Asking(watching)).run(sources)
        ask()

    assert len(told) > 5
    assert {moment: numbers(moment) for moment in told} == told
    clicks = [sum(row.metrics.clicks for row in rows) for rows, _ in told.values()]  # type: ignore[attr-defined]
    assert clicks == sorted(clicks)
    assert clicks[0] == 0
    assert clicks[-1] == 10_000
    assert len(set(clicks)) >= 3
    assert analytics.run(QUERY, ANN).rows == analytics.run(replace(QUERY, as_of=clock()), ANN).rows
    analytics.close()
    application.stop()


def test_how_good_the_numbers_were_is_answered_as_of_then_too(world: World, tmp_path: Path) -> None:
    """Freshness and confidence of a moment stay what they were, however late or damaged what came after it is."""
    now = [world.now]
    application = build(world.settings, clock=lambda: now[0])
    world.sync(write(tmp_path / "a.gz", realtime_text(requests(5))))
    moment = world.now + timedelta(seconds=30)
    query = replace(QUERY, as_of=moment, confidence=True)
    now[0] = moment
    first, tag = application.analytics.run(query, ANN), application.analytics.state(query)

    later = replace(world, now=world.now + timedelta(minutes=9))
    later.sync(write(tmp_path / "b.gz", realtime_text(requests(5, start=5)) + "garbage\n" * 20))
    now[0] = world.now + timedelta(days=2)
    again = application.analytics.run(query, ANN)

    assert first.freshness.last_updated_at == world.now
    assert (again.freshness, again.confidence, again.rows) == (first.freshness, first.confidence, first.rows)
    newest = application.analytics.run(replace(query, as_of=None), ANN)
    assert newest.confidence is not None
    assert {"staleness", "rejectedLines"} <= {factor.name for factor in newest.confidence.factors}
    assert tag != application.analytics.state(query)
    application.analytics.close()
    application.stop()


class Watched(Lake):
    """Does something whenever the roll-ups have caught up with some facts."""

    def __init__(self, url: str, then: Callable[[], object]) -> None:
        super().__init__(url)
        self.then = then

    def append(self, table: DeltaTable, spec: TableSpec, frame: pl.DataFrame, **said: Any) -> int:
        version = super().append(table, spec, frame, **said)
        if spec is CLICK_COUNTS:
            self.then()
        return version


def test_a_download_made_while_roll_ups_lag_is_made_again_from_its_manifest(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold a conversion that was learnt after clicks which they lack."""
    post(world, "one", Request(1), world.now)
    with monkeypatch.context() as patched:
        for module in (sync, rebuild):
            patched.setattr(module, "catch_up", lambda *_: None)
        for part in range(3):
            world.sync(write(tmp_path / f"{part}.gz", realtime_text(requests(10, start=10 * part))))
    later = world.now + timedelta(hours=1)
    application = build(world.settings, clock=lambda: later)
    made: list[tuple[str, bytes]] = []

    def download(query: Query) -> tuple[str, bytes]:
        """As of which moment it can be made again, and its bytes."""
        with closing(exports.begin(application, query, ANN, "csv")) as found:
            return found.manifest.query["asOf"], b"".join(found.pieces())

    monkeypatch.setattr(catch_up, "CLICKS_AT_A_TIME", 1)
    watched = Watched(world.settings.lake_url, lambda: made.append(download(QUERY)))
    stamps = stamps_of(lambda: world.now + timedelta(minutes=1), world.database)
    catch_up.catch_up(watched, world.agents, world.settings.segment_rules, stamps)

    assert len(made) >= 3
    for as_of, body in made:
        assert download(replace(QUERY, as_of=datetime.fromisoformat(as_of))) == (as_of, body)
    application.analytics.close()


def test_clocks_that_disagree_never_learn_a_later_commit_earlier(world: World, tmp_path: Path) -> None:
    """Two machines: the second one's clock is ten minutes behind."""
    post(world, "one", Request(1), world.now)
    world.sync(write(tmp_path / "a.gz", realtime_text(requests(3))))
    ahead = world.now
    world.now -= timedelta(minutes=10)
    post(world, "two", Request(4), world.now)
    world.sync(write(tmp_path / "b.gz", realtime_text(requests(3, start=3))))

    for spec in (CLICKS, CONVERSIONS, ATTRIBUTIONS):
        table = world.lake.open(spec)
        stamps = world.lake.scan(table, spec).collect()["learnt_at"].unique().sort().to_list()
        assert len(stamps) >= 2
        assert ahead <= stamps[0] < stamps[-1] < ahead + timedelta(milliseconds=1)
        assert stamps_of(lambda: world.now, world.database).take(table).at > stamps[-1]
        in_step = stamps_of(lambda: ahead + timedelta(seconds=1), world.database)
        assert in_step.take(table).at == ahead + timedelta(seconds=1)


@pytest.mark.parametrize("compacts", [False, True])
def test_the_stamp_survives_compaction(world: World, tmp_path: Path, compacts: bool) -> None:
    world.now += timedelta(days=300)
    for part in range(2):
        world.sync(write(tmp_path / f"{part}.gz", realtime_text(requests(3, start=3 * part))))
    if compacts:
        world.run("compact")

    newest = newest_stamp(world.lake.open(CLICKS))
    assert newest is not None
    assert timedelta() < newest - world.now < timedelta(milliseconds=1)
