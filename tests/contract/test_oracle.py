"""A generated world, asked every way: the engine and the Polars oracle give the same rows, in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import oracle
from support.examples import examples
from support.filled import NOW, Click, Conversion, Fact, Signal, filled, open_engine

from analytics_core.access.actors import Actor
from analytics_core.engines.engine import Engine
from analytics_core.model import PENDING, SEGMENTS, Answer, Filter, Metrics, Period, Query
from analytics_core.query.catalog import GROUPINGS
from analytics_core.query.rows import total

ANN = Actor("ann")

# Days on which a clock did something that is easy to get wrong, or none did.
PIVOTS = {
    "UTC": date(2026, 2, 28),
    "Asia/Kolkata": date(2026, 2, 28),
    "Asia/Kathmandu": date(2026, 1, 1),
    "America/Sao_Paulo": date(2018, 11, 4),  # midnight skipped
    "America/Havana": date(2025, 11, 2),  # midnight twice
    "Asia/Beirut": date(2022, 3, 27),  # midnight skipped
    "Africa/Cairo": date(2024, 4, 26),  # midnight skipped
    "Australia/Lord_Howe": date(2026, 4, 5),  # half an hour
    "Pacific/Apia": date(2011, 12, 30),  # a day that never was
    "Pacific/Chatham": date(2026, 4, 5),
    "Europe/Berlin": date(2026, 3, 29),
    "Atlantic/Reykjavik": date(2024, 2, 29),  # a day that the year before had not
    "Europe/Lisbon": date(2025, 2, 28),  # the year before had one more
    "America/New_York": date(2025, 11, 2),
    "America/Vancouver": date(2026, 11, 1),  # clocks that were to change and did not, by the releases of 2026
    "Africa/Casablanca": date(2026, 9, 20),
}
SLUGS = ["launch", "about", "-dash"]
REFERRERS = [("direct", None), ("x.com", "mobile.x.com"), ("x.com", "x.com"), ("com.app", None), (None, None)]
VALUES = {
    "slug": [*SLUGS, "never"],
    "country": ["DE", "AT", "ZZ", "(not tracked)", PENDING],
    "segment": [*SEGMENTS, PENDING],
    "device": ["DESKTOP", "MOBILE", "BOT", "UNKNOWN", "(not tracked)"],
    "referrer": ["direct", "x.com", "com.app", "(not tracked)"],
    "referrerHost": ["mobile.x.com", "x.com", "com.app", "direct", "(not tracked)"],
    "campaignId": ["spring", "(none)"],
    "browser": ["Chrome", "(bot)", "(not tracked)", PENDING],
    "os": ["Windows", "iOS", "(bot)"],
    "trigger": ["qr", "link", "(not tracked)"],
    "utmSource": ["mail", "(none)", "(not tracked)", PENDING],
    "utmMedium": ["(none)", "(not tracked)"],
    "utmCampaign": ["(none)", "sale"],
    "botPurpose": ["search", "agent", "scanner", "prefetch", "monitor", "other", "(person)", "(not tracked)", PENDING],
}
EARLIER, LATER = NOW - timedelta(days=2), NOW - timedelta(days=1)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[str, date, list[Fact]]:
    """Clicks of few visitors, and conversions and signals of theirs, of clicks that are unknown, and of none."""
    zone = draw(st.sampled_from(sorted(PIVOTS)))
    pivot = datetime(PIVOTS[zone].year, PIVOTS[zone].month, PIVOTS[zone].day, tzinfo=UTC)
    moments = st.one_of(  # anywhere in six days, or close around the pivot's midnights
        st.integers(-4 * 96, 3 * 96).map(lambda slot: pivot + timedelta(minutes=15 * slot)),
        st.integers(-86_400, 86_400).map(lambda second: pivot + timedelta(seconds=second)),
        st.sampled_from([7, 30, 31, 365, 366]).map(
            lambda days: pivot - timedelta(days=days)
        ),  # as far as segments look, and a year
    )
    learnt = st.sampled_from([EARLIER, LATER])
    handles = st.sampled_from(["acme", "acme", "acme", "big"])
    click = st.builds(
        _click,
        at=moments,
        slug=st.sampled_from(SLUGS),
        country=st.sampled_from(["DE", "AT", "ZZ", None]),
        referrers=st.sampled_from(REFERRERS),
        networks=st.sampled_from([("none", "none"), ("none", "none"), ("google", "agent"), (None, None)]),
        claimed=st.sampled_from(["none", "none", "none", "googlebot", None]),
        asns=st.sampled_from([("none", "none"), ("none", "none"), ("mimecast", "scanner"), ("ovh", "data-centre")]),
        agent=st.sampled_from([1, 2, 3, 4, None]),
        method=st.sampled_from(["GET", "GET", "GET", "HEAD"]),
        campaign_id=st.sampled_from(["spring", None]),
        handle=handles,
        learnt_at=learnt,
        visitor=st.sampled_from([1, 1, 2, None]),
        trigger=st.sampled_from(["link", "qr", None]),
        utm_source=st.sampled_from(["mail", "(none)", None]),
        utm_campaign=st.sampled_from(["sale", "(none)"]),
        purpose=st.sampled_from(["none", None, "prefetch", "prerender"]),
        own=st.sampled_from([(None, None), (None, None), ("my team", "other"), ("my monitor", "monitor")]),
        counted_purposes=st.sampled_from([None, "agent", "search agent", "monitor scanner prefetch other"]),
    )
    clicks = [replace(one, number=number) for number, one in enumerate(draw(st.lists(click, min_size=1, max_size=30)))]
    followed = [draw(_following(st.sampled_from(clicks), moments, learnt)) for _ in range(draw(st.integers(0, 16)))]
    return zone, PIVOTS[zone], [*clicks, *followed]


@st.composite
def _following(
    draw: st.DrawFn, clicks: st.SearchStrategy[Click], moments: st.SearchStrategy[datetime], learnt: Any
) -> Fact:
    click = draw(clicks)
    seconds = draw(st.integers(0, 1_000))
    at, clicked_at, learnt_at = click.at + timedelta(seconds=seconds), click.at, draw(learnt)
    number = click.number if draw(st.integers(0, 4)) else 77  # a click that no log ever told of
    assert number is not None
    match draw(st.sampled_from(["conversion", "conversion", "signal", "without ctx"])):
        case "conversion":
            money = draw(
                st.sampled_from([("0", None), ("0", "EUR"), ("99.99", "USD"), ("0.0001", "EUR"), ("1e12", "USD")])
            )
            return Conversion(
                at,
                number,
                clicked_at,
                Decimal(money[0]),
                money[1],
                click.slug,
                handle=click.handle,
                learnt_at=learnt_at,
            )
        case "signal":
            confidence = draw(st.sampled_from([0.4, 0.5]))
            key = draw(st.sampled_from(["intent", "intent", "scroll"]))
            return Signal(at, number, clicked_at, click.slug, key, confidence, click.handle, learnt_at)
        case _:
            return Signal(draw(moments), handle=click.handle, learnt_at=learnt_at)


def _click(
    referrers: tuple[str | None, str | None],
    networks: tuple[str | None, str | None],
    asns: tuple[str, str],
    own: tuple[str | None, str | None],
    **others: object,
) -> Click:
    names = ("referrer", "referrer_host", "network", "network_purpose", "asn_owner", "asn_kind")
    names = (*names, "own_rule", "own_rule_purpose")
    pairs = dict(zip(names, (*referrers, *networks, *asns, *own), strict=True))
    return Click(**pairs, **others)  # type: ignore[arg-type]


@st.composite
def queries(draw: st.DrawFn, zone: str, pivot: date) -> Query:
    from_day = pivot + timedelta(days=draw(st.integers(-3, 1)))
    other_day = pivot + timedelta(days=draw(st.integers(-6, 3)))
    other = Period(other_day, other_day + timedelta(days=draw(st.integers(0, 4))), zone)
    compare = draw(st.sampled_from([None, None, "previous", "previousYear", other]))
    return Query(
        handle=draw(st.sampled_from(["acme", "acme", "big"])),
        group_by=draw(st.sampled_from(list(GROUPINGS))),
        period=Period(from_day, from_day + timedelta(days=draw(st.integers(0, 3))), zone),
        filters=tuple(
            Filter(
                name, tuple(draw(st.lists(st.sampled_from(VALUES[name]), min_size=1, unique=True))), draw(st.booleans())
            )
            for name in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=2, unique=True))
        ),
        sort=draw(st.sampled_from([None, "asc", "desc"])),
        limit=draw(st.sampled_from([1, 2, 1_000])),
        compare=compare,
        match_weekdays=compare is not None and draw(st.booleans()),
        interval=draw(st.sampled_from(["hour", "day", "week", "month"])),
        as_of=draw(st.sampled_from([None, None, EARLIER, LATER])),
        funnel=draw(st.booleans()),
        conversion_day=draw(st.sampled_from(["conversion", "click"])),
    )


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine()
    yield opened
    opened.close()


@settings(max_examples=examples(16), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(), choose=st.data())
def test_the_engine_agrees_with_the_oracle(
    engine: Engine, world: tuple[str, date, list[Fact]], choose: st.DataObject
) -> None:
    zone, pivot, facts = world
    asked = choose.draw(st.lists(queries(zone, pivot), min_size=8, max_size=8))
    with TemporaryDirectory() as folder:
        # What is learnt later moves clicks and what followed them; and keys stand twice in the roll-ups.
        batches = [[one for one in facts if one.learnt_at == learnt] for learnt in (EARLIER, LATER)]
        now = choose.draw(st.sampled_from([NOW, *(one.at + timedelta(seconds=30) for one in facts)]))
        analytics = filled(Path(folder), engine, *batches).at(now, engine).analytics
        for query in (replace(one, as_of=None) if one.as_of and one.as_of > now else one for one in asked):
            found = analytics.run(query, ANN)
            assert _lines(found) == oracle.answer(facts, query, now), query
            assert total(found.rows) == found.totals
            if query.compare:
                assert found.previous_totals is not None
                assert _counts(found.previous_totals) == oracle.previous_totals(facts, query, now)


def _lines(found: Answer) -> list[oracle.Line]:
    return [
        (row.key, _counts(row.metrics), None if row.previous is None else _counts(row.previous)) for row in found.rows
    ]


def _counts(metrics: Metrics) -> oracle.Counts:
    money = tuple(metrics.revenue_by_currency.items())
    return metrics.clicks, metrics.bot_clicks, metrics.conversions, metrics.impressions, money
