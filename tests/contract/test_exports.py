"""Exports: every row, in order, in bounded chunks; single clicks without anything that names a visitor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from support.filled import NOW, Click, Filled, filled, open_engine

from analytics_core.access.actors import Actor
from analytics_core.engines.base import Engine
from analytics_core.model import Filter, Period, Query
from analytics_core.query.catalog import GROUPINGS
from analytics_core.service import EVENT_COLUMNS, GROUP_COLUMNS
from ingest.classify import HEAD_RULE

ANN = Actor("ann")
START = datetime(2026, 3, 1, tzinfo=UTC)
PERIOD = Period(date(2026, 3, 1), date(2026, 3, 20), "Asia/Kolkata")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def world(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    clicks = [
        Click(
            START + timedelta(minutes=61 * number),
            slug=f"slug{number % 37}",
            country=("DE", "AT", None)[number % 3],
            agent=(1, 2, 3, None)[number % 4],
        )
        for number in range(500)
    ]
    return filled(tmp_path_factory.mktemp("exports"), engine, clicks[1::2], clicks[::2])


@pytest.mark.parametrize("as_of", [None, NOW], ids=["roll-ups", "facts"])
@pytest.mark.parametrize("sort", [None, "asc", "desc"])
@pytest.mark.parametrize("group_by", GROUPINGS)
def test_an_export_has_the_rows_of_the_answer_and_no_limit(
    world: Filled, group_by: str, sort: str, as_of: datetime
) -> None:
    query = Query("acme", group_by, PERIOD, (Filter("country", ("DE",), exclude=True),), sort=sort, as_of=as_of)  # type: ignore[arg-type]
    export = world.analytics.export_rows(replace(query, limit=1), ANN)
    assert export.columns == GROUP_COLUMNS
    rows = pl.concat(export.frames)
    assert rows.schema == GROUP_COLUMNS
    assert rows.equals(world.analytics.run(query, ANN).frame())
    assert export.data_version == world.analytics.data_version()


def test_single_clicks_come_in_the_order_of_their_time_and_add_up(world: Filled) -> None:
    query = Query("acme", "event", PERIOD, (Filter("slug", ("slug1", "slug2")),))
    export = world.analytics.export_rows(query, ANN)
    events = pl.concat(export.frames)
    assert events.schema == export.columns == EVENT_COLUMNS
    assert events["at"].is_sorted()
    totals = world.analytics.run(replace(query, group_by="slug"), ANN).totals
    assert (events.height, events["bot"].sum()) == (totals.clicks, totals.bot_clicks)


def test_an_event_says_what_was_logged_and_never_who(world: Filled) -> None:
    query = Query("acme", "event", Period(date(2026, 3, 1), date(2026, 3, 1)))
    events = pl.concat(world.analytics.export_rows(query, ANN).frames)
    assert "visitor" not in events.columns
    assert events.row(3, named=True) == {
        "at": "2026-03-01T03:03:00.000Z",
        "slug": "slug3",
        "campaignId": None,
        "country": "DE",
        "device": "UNKNOWN",
        "bot": False,
        "botRule": None,
        "referrer": "direct",
        "referrerHost": None,
        "status": 302,
    }
    assert events.select("device", "bot", "botRule").row(2) == ("BOT", True, "isbot")


def test_chunks_stay_small_whatever_the_number_of_rows(engine: Engine, tmp_path: Path) -> None:
    many = [Click(START + timedelta(seconds=number)) for number in range(60_000)]
    busy = filled(tmp_path, engine, many)
    heights = [frame.height for frame in busy.analytics.export_rows(Query("acme", "event", PERIOD), ANN).frames]
    assert sum(heights) == 60_000
    assert max(heights) <= 25_000


def test_a_head_request_is_exported_with_the_rule_that_ingest_counts_it_by(engine: Engine, tmp_path: Path) -> None:
    asked = filled(tmp_path, engine, [Click(START, method="HEAD"), Click(START, method="HEAD", agent=3)])
    events = pl.concat(asked.analytics.export_rows(Query("acme", "event", PERIOD), ANN).frames)
    assert sorted(events["botRule"]) == sorted([HEAD_RULE, "isbot"])
