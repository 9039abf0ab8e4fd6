"""Exports: every row, in order, in bounded chunks; single clicks without anything that names a visitor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from support.filled import NOW, Click, Conversion, Filled, Signal, filled, open_engine

from analytics_core.access.actors import Actor
from analytics_core.engines.engine import Engine
from analytics_core.model import Filter, Period, Query
from analytics_core.query.catalog import GROUPINGS
from analytics_core.query.reader import CLICK_EVENT_COLUMNS, CONVERSION_EVENT_COLUMNS

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
            number=number,
            visitor=number % 50,
        )
        for number in range(500)
    ]
    conversions = [
        Conversion(
            clicks[number].at + timedelta(seconds=number),
            number if number else 9_999,
            clicks[number].at,
            Decimal("19.9900") * number,
            ("EUR", "USD")[number % 2],
            clicks[number].slug,
        )
        for number in range(0, 500, 7)
    ]
    signals = [Signal(conversions[number].at, 7 * number, clicks[7 * number].at) for number in range(20)]
    later = [*clicks[::2], *conversions[::2], *signals]
    return filled(tmp_path_factory.mktemp("exports"), engine, [*clicks[1::2], *conversions[1::2]], later)


@pytest.mark.parametrize("as_of", [None, NOW], ids=["roll-ups", "facts"])
@pytest.mark.parametrize("sort", [None, "asc", "desc"])
@pytest.mark.parametrize("conversion_day", ["conversion", "click"])
@pytest.mark.parametrize("group_by", GROUPINGS)
def test_an_export_has_the_rows_of_the_answer_and_no_limit(
    world: Filled, group_by: str, sort: str, as_of: datetime, conversion_day: str
) -> None:
    some = (Filter("country", ("DE",), exclude=True),)
    query = Query("acme", group_by, PERIOD, some, sort=sort, as_of=as_of, conversion_day=conversion_day)  # type: ignore[arg-type]
    export = world.analytics.export_rows(replace(query, limit=1), ANN)
    rows = pl.concat(export.frames)
    assert rows.schema == export.columns
    assert ("impressions" in rows.columns) == (group_by == "segment")
    assert rows.columns[-2:] == ["revenue_EUR", "revenue_USD"]
    assert rows["revenue_USD"].sum() > 0
    assert rows.equals(world.analytics.run(query, ANN).frame())
    assert export.data_version == world.analytics.data_version()


def test_single_clicks_come_in_the_order_of_their_time_and_add_up(world: Filled) -> None:
    query = Query("acme", "event", PERIOD, (Filter("slug", ("slug1", "slug2")),))
    export = world.analytics.export_rows(query, ANN)
    events = pl.concat(export.frames)
    assert events.schema == export.columns == CLICK_EVENT_COLUMNS
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
        "segment": "new",
        "browser": None,
        "os": None,
        "trigger": "link",
        "utmSource": "(none)",
        "utmMedium": "(none)",
        "utmCampaign": "(none)",
        "botPurpose": None,
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
    assert sorted(events["botRule"]) == sorted(["method-head", "isbot"])


def test_single_clicks_have_the_segments_that_the_breakdown_counts(world: Filled) -> None:
    query = Query("acme", "event", PERIOD)
    events = pl.concat(world.analytics.export_rows(query, ANN).frames)
    rows = world.analytics.run(replace(query, group_by="segment"), ANN).rows
    clicks = {row.key: row.metrics.clicks for row in rows if row.metrics.clicks}
    assert dict(events["segment"].value_counts().iter_rows()) == clicks
    assert {"new", "returning", "customer", "engaged_prospect", "unknown"} <= set(clicks)


@pytest.mark.parametrize("as_of", [None, NOW])
@pytest.mark.parametrize("conversion_day", ["conversion", "click"])
def test_single_conversions_add_up_and_say_how_long_they_took(
    world: Filled, conversion_day: str, as_of: datetime | None
) -> None:
    query = Query("acme", "event", PERIOD, events="conversions", conversion_day=conversion_day, as_of=as_of)  # type: ignore[arg-type]
    export = world.analytics.export_rows(query, ANN)
    events = pl.concat(export.frames)
    assert events.schema == export.columns == CONVERSION_EVENT_COLUMNS
    assert events["at"].is_sorted()
    totals = world.analytics.run(replace(query, group_by="day"), ANN).totals
    money = dict(events.group_by("currency").agg(pl.col("value").sum()).iter_rows())
    assert (events.height, money) == (totals.conversions, dict(totals.revenue_by_currency))
    assert events.row(1, named=True) == {
        "at": "2026-03-01T07:07:07.000Z",
        "slug": "slug7",
        "campaignId": None,
        "country": "AT",
        "device": None,
        "referrer": "direct",
        "referrerHost": None,
        "segment": "new",
        "eventType": "purchase",
        "value": Decimal("139.93"),
        "currency": "USD",
        "secondsFromClick": 7,
        "pending": False,
        "browser": None,
        "os": None,
        "trigger": "link",
        "utmSource": "(none)",
        "utmMedium": "(none)",
        "utmCampaign": "(none)",
        "botPurpose": None,
    }
    assert events.filter("pending").select("slug", "country", "segment", "secondsFromClick").rows() == [
        ("slug0", "(pending)", "(pending)", 0)
    ]
    few = replace(query, filters=(Filter("country", ("AT",)), Filter("segment", ("customer",), exclude=True)))
    chosen = pl.concat(world.analytics.export_rows(few, ANN).frames)
    assert chosen.equals(events.filter((pl.col("country") == "AT") & (pl.col("segment") != "customer")))
