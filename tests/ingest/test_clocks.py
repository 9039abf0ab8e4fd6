"""Whatever the clocks of its machines say: what was read is there as of now, and an answer that was given stays."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from support.api import Api
from support.logs import Request, realtime_text, requests, write
from support.world import NOW, World

from analytics_core.access.actors import Actor
from analytics_core.api import create_app
from analytics_core.bootstrap import Application, build
from analytics_core.errors import InvalidAsOfError, StoreUnavailableError
from analytics_core.model import FreshnessStatus, Period, Query
from analytics_core.store import horizon
from analytics_core.store.horizon import Horizon
from ingest.sources import open_sources
from ingest.sync import prepare
from ingest.sync_progress import ProgressLines

ANN = Actor("user_ann")
QUERY = Query("acme", "slug", Period(date(2026, 3, 1), date(2026, 3, 31)))
# `python -m ingest` on a machine whose clock is two hours ahead.
AHEAD = (
    "import sys; from datetime import timedelta; from analytics_core.store import clock; own = clock.machine_time; "
    "clock.machine_time = lambda: own() + timedelta(hours=2); "
    "from ingest.__main__ import main; sys.exit(main(sys.argv[1:]))"
)


@pytest.fixture
def shared(postgresql: str, tmp_path: Path) -> World:
    """A world that machines share: its database is PostgreSQL."""
    world = World(tmp_path, {"CLICKLEDGER_DATABASE_URL": postgresql}, now=datetime.now(UTC))
    world.load()
    return world


def clicks_as_of(application: Application, moment: datetime | None) -> int:
    return application.analytics.run(replace(QUERY, as_of=moment), ANN).totals.clicks


def test_a_worker_whose_clock_is_ahead_takes_the_time_of_the_database(shared: World, tmp_path: Path) -> None:
    shared.run("sync", "--source", str(write(tmp_path / "a.gz", realtime_text(requests(20)))))
    log = write(tmp_path / "b.gz", realtime_text(requests(30, start=20)))
    ran = subprocess.run(
        [sys.executable, "-c", AHEAD, "sync", "--source", str(log)],
        env=shared.process_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    application = build(shared.settings)

    assert "clock_differs" in ran.stderr
    assert "seconds_ahead=7200" in ran.stderr
    now = application.clock()
    assert clicks_as_of(application, now) == 50
    updated = application.analytics.freshness().last_updated_at
    assert updated is not None
    assert now - timedelta(minutes=5) < updated <= now
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=10)
    application.analytics.close()
    application.database.engine.dispose()


def test_a_clock_that_goes_back_changes_no_answer_that_was_given(world: World, tmp_path: Path) -> None:
    now = [NOW]
    application = build(world.settings, clock=lambda: now[0])
    world.sync(write(tmp_path / "a.gz", realtime_text(requests(20))))
    asked = NOW + timedelta(minutes=30)
    now[0] = asked
    with TestClient(create_app(lambda: application)) as client:
        api = Api(client, application, world)
        address = f"/v2/handles/acme/analytics?groupBy=slug&fromDay=20260301&toDay=20260331&asOf={asked:%FT%TZ}"
        signed = {"Authorization": f"Bearer {api.token()}"}
        before = client.get(address, headers=signed).json()
        late = write(tmp_path / "b.gz", realtime_text(requests(30, start=20)))
        replace(world, now=NOW - timedelta(days=1)).sync(late)
        after = client.get(address, headers=signed).json()

    assert before["totals"]["clicks"] == 20
    assert after["rows"] == before["rows"]
    now[0] += timedelta(seconds=1)
    assert clicks_as_of(application, now[0]) == 50
    application.analytics.close()


def test_a_sync_that_ended_in_the_future_makes_nothing_fresh(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "a.gz", realtime_text(requests(20)))
    application = build(world.settings, clock=lambda: NOW + timedelta(minutes=10))
    replace(world, now=NOW + timedelta(hours=2)).sync(log)
    assert application.analytics.freshness().status is FreshnessStatus.UNKNOWN
    world.sync(log)
    assert application.analytics.freshness().last_updated_at == NOW
    application.analytics.close()


def test_an_answer_that_is_given_while_a_commit_is_made_stays(world: World, tmp_path: Path) -> None:
    """A question comes between the stamp of a commit and the commit, each time that a stamp is taken for a while."""
    application = build(world.settings, clock=lambda: NOW + timedelta(hours=1))
    told: dict[datetime, int] = {}
    lines = [Request(number, at=NOW - timedelta(hours=1)) for number in range(40)]
    for part in range(4):
        write(tmp_path / "logs" / f"{part}.gz", realtime_text(lines[10 * part : 10 * (part + 1)]))
    ticks = iter(range(10**6))

    def clock() -> datetime:
        moment = NOW + timedelta(milliseconds=next(ticks))
        if len(told) < 30:
            told[moment] = clicks_as_of(application, moment)
        return moment

    for part in range(4):
        source = str(tmp_path / "logs" / f"{part}.gz")
        sources = open_sources([source], None, world.settings, clock)
        prepare(world.settings, world.lake, world.database, clock, ProgressLines()).run(sources)
        moment = NOW + timedelta(milliseconds=next(ticks))
        told[moment] = clicks_as_of(application, moment)

    assert {moment: clicks_as_of(application, moment) for moment in told} == told
    assert sorted(set(told.values()))[-1] == 40
    assert len(told) > 30
    application.analytics.close()


def test_answers_as_of_now_beside_a_sync_are_given_again(world: World, tmp_path: Path) -> None:
    world.environment = {"CLICKLEDGER_BATCH_MEGABYTES": "1"}
    for part in range(12):
        write(tmp_path / "logs" / f"{part:02}.gz", realtime_text(requests(1_500, start=1_500 * part)))
    application = build(world.settings)
    told: dict[datetime, int] = {}
    with world.start("sync", "--source", str(tmp_path / "logs")) as syncing:
        while syncing.poll() is None:
            moment = application.clock()
            told[moment] = clicks_as_of(application, moment)

    assert syncing.returncode == 0
    assert {moment: clicks_as_of(application, moment) for moment in told} == told
    assert len(set(told.values())) > 2
    assert clicks_as_of(application, application.clock()) == 18_000
    application.analytics.close()


@pytest.mark.parametrize("which", ["world", "shared"])
def test_a_commit_that_stands_still_makes_answers_as_of_later_fail_not_wait_for_ever(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    world: World = request.getfixturevalue(which)
    monkeypatch.setattr(horizon, "_WAIT_SECONDS", 0.2)
    one, other = Horizon(world.database), Horizon(world.database)
    moment = datetime.now(UTC) + timedelta(hours=1)  # later than what another test of the server asked about
    with one.kept_from(moment) as is_ahead, pytest.raises(StoreUnavailableError):
        other.reach(moment)
    assert is_ahead
    other.reach(moment)
    with one.kept_from(moment) as is_ahead:
        assert not is_ahead
    assert one.moment() == moment
    one.reach(moment - timedelta(seconds=1))
    assert one.moment() == moment


def test_asking_as_of_the_future_is_refused_and_moves_nothing(world: World) -> None:
    application = build(world.settings, clock=lambda: NOW)
    with pytest.raises(InvalidAsOfError):
        clicks_as_of(application, NOW + timedelta(seconds=1))
    assert Horizon(world.database).moment() is None
    application.analytics.close()
