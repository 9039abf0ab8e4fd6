"""The one door: access, freshness, confidence, versions, as-of, and a lake that is compacted meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import rmtree

import pytest
from sqlalchemy import update
from support.filled import (
    LISTS,
    NOW,
    Click,
    Conversion,
    Filled,
    Signal,
    add_batch,
    click_frame,
    filled,
    open_analytics,
    open_engine,
)

from analytics_core.access.actors import Actor
from analytics_core.engines.engine import Engine
from analytics_core.errors import (
    FeatureLockedError,
    HandleNotFoundError,
    InvalidGroupByError,
    InvalidParameterError,
    InvalidTimezoneError,
    StoreUnavailableError,
)
from analytics_core.model import (
    Filter,
    FreshnessStatus,
    Impressions,
    Period,
    Posts,
    Query,
    SegmentRules,
    TimeToConversion,
)
from analytics_core.store import tables
from analytics_core.store.commit_time import stamps_of
from analytics_core.store.database import insert_missing
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICK_COUNTS, CLICKS
from analytics_core.zones import RELEASE
from ingest.compaction import compact

ANN, BOB = Actor("ann"), Actor("bob")
DAY = datetime(2026, 3, 10, 9, tzinfo=UTC)
QUERY = Query("acme", "country", Period(date(2026, 3, 1), date(2026, 3, 10)))


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = open_engine()
    yield opened
    opened.close()


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> Filled:
    early = Click(DAY - timedelta(days=5), country=None, learnt_at=NOW - timedelta(days=3))
    return filled(tmp_path, engine, [early, Click(DAY, agent=3)], [Click(DAY, country="AT")])


def synced(
    world: Filled,
    finished_at: datetime | None,
    *,
    started_at: datetime | None = None,
    complete: bool = True,
    sampling: int = 100,
    configured: bool = False,
) -> None:
    times = {
        "started_at": started_at or finished_at or DAY,
        "finished_at": finished_at,
        "complete": complete,
        "configured": configured,
    }
    run = {"id": str(finished_at), **times}
    sources = [
        {**times, "run": run["id"], "source": source, "sampling": percent, "listed_all": True}
        for source, percent in (("logs", 100), ("edge", sampling))
    ]
    with world.database.begin() as connection:
        connection.execute(tables.syncs.insert().values(run))
        insert_missing(connection, tables.source_syncs, sources)


def lines(world: Filled, number: int, day: str, read: int, rejected: int) -> None:
    counts = dict.fromkeys(("clicks", "not_redirects", "unknown_hosts", "invalid_slugs", "duplicates"), 0)
    row = {"source": "logs", "number": number, "day": day, "lines": read, "rejected": rejected, **counts}
    with world.database.begin() as connection:
        connection.execute(tables.batch_days.insert().values(row))


def test_a_stranger_gets_no_answer_and_a_free_plan_no_export(world: Filled) -> None:
    with pytest.raises(HandleNotFoundError):
        world.analytics.run(replace(QUERY, handle="zed"), ANN)
    with pytest.raises(FeatureLockedError):
        world.analytics.export_rows(replace(QUERY, handle="zed"), BOB)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (replace(QUERY, group_by="event"), InvalidGroupByError),
        (replace(QUERY, group_by=None), InvalidGroupByError),
        (replace(QUERY, filters=(Filter("segment", ("loyal",)),)), InvalidParameterError),
        (replace(QUERY, period=Period(date(2026, 3, 1), date(2026, 3, 2), "Nowhere")), InvalidTimezoneError),
        (replace(QUERY, filters=(Filter("day", ("20260301",)),)), InvalidParameterError),
        (replace(QUERY, filters=(Filter("country", ()),)), InvalidParameterError),
        (replace(QUERY, limit=10_001), InvalidParameterError),
    ],
)
def test_a_query_made_by_hand_is_checked_too(world: Filled, query: Query, error: type[InvalidParameterError]) -> None:
    with pytest.raises(error):
        world.analytics.run(query, ANN)


def test_the_numbers_are_as_current_as_the_configured_source_that_was_read_least_recently(world: Filled) -> None:
    synced(world, NOW - timedelta(minutes=90), configured=True)
    synced(world, NOW - timedelta(minutes=5), configured=True)
    with world.database.begin() as connection:
        read = tables.source_syncs
        is_edge = (read.c.source == "edge") & (read.c.finished_at > NOW - timedelta(minutes=60))
        connection.execute(update(read).where(is_edge).values(complete=False))
    freshness = world.analytics.freshness()
    assert (freshness.status, freshness.last_updated_at) == (FreshnessStatus.STALE, NOW - timedelta(minutes=90))

    with world.database.begin() as connection:
        connection.execute(update(read).where(read.c.source == "edge").values(configured=False))
    assert world.analytics.freshness().status is FreshnessStatus.FRESH


def test_an_answer_says_how_current_it_is(world: Filled) -> None:
    assert world.analytics.freshness().status is FreshnessStatus.UNKNOWN
    synced(world, None, complete=False)
    synced(world, NOW, complete=False)
    synced(world, NOW - timedelta(minutes=70), sampling=20)
    stale = world.analytics.run(QUERY, ANN).freshness
    assert (stale.status, stale.last_updated_at) == (FreshnessStatus.STALE, NOW - timedelta(minutes=70))
    assert stale.sampling == {"edge": 20}
    synced(world, NOW - timedelta(minutes=5))
    assert world.analytics.freshness().status is FreshnessStatus.FRESH


def test_confidence_is_told_when_asked_with_every_reason(world: Filled) -> None:
    synced(world, NOW - timedelta(minutes=5), sampling=50)
    lines(world, 1, "2026-03-10", 900, 0)
    lines(world, 1, "", 100, 100)  # came with lines of the range
    lines(world, 2, "2026-02-01", 500, 500)
    lines(world, 2, "", 50, 50)
    assert world.analytics.run(QUERY, ANN).confidence is None
    told = world.analytics.run(replace(QUERY, confidence=True), ANN).confidence
    assert told is not None
    assert {factor.name: (round(factor.value, 3), factor.penalty) for factor in told.factors} == {
        "botRatio": (0.333, 10),
        "rejectedLines": (0.1, 20),
        "partialTracking": (0.9, 36),
        "sampling": (0.5, 25),
    }
    assert told.score == 9


def test_tracking_of_a_filter_counts_for_confidence_too(world: Filled) -> None:
    synced(world, NOW)
    asked = replace(QUERY, group_by="slug", filters=(Filter("country", ("DE", "AT")),), confidence=True)
    answer = world.analytics.run(asked, ANN)
    assert answer.tracked_from is None
    assert answer.confidence is not None
    assert "partialTracking" in {factor.name for factor in answer.confidence.factors}


def test_the_data_version_follows_the_clicks_and_not_the_files(world: Filled) -> None:
    first = world.analytics.data_version()
    assert first == f"2-{LISTS}-{RELEASE}"
    assert world.analytics.run(QUERY, ANN).data_version == first
    before = world.analytics.run(QUERY, ANN)
    compact(world.lake, world.agents, SegmentRules(), stamps_of(lambda: NOW, world.database))
    assert world.analytics.data_version() == first
    assert world.analytics.run(QUERY, ANN) == before
    add_batch(world.lake, [Click(DAY)])
    assert world.analytics.data_version() != first
    assert world.analytics.run(QUERY, ANN).totals.clicks == before.totals.clicks + 1


def test_an_earlier_answer_can_be_given_again(world: Filled) -> None:
    then = replace(QUERY, as_of=NOW - timedelta(days=1))
    assert [(row.key, row.metrics.clicks) for row in world.analytics.run(then, ANN).rows] == [("(not tracked)", 1)]
    now = replace(QUERY, as_of=NOW)
    assert world.analytics.run(now, ANN).rows == world.analytics.run(QUERY, ANN).rows


def test_facts_that_the_roll_ups_lack_yet_are_not_told(world: Filled) -> None:
    before = world.analytics.run(QUERY, ANN)
    world.lake.append(world.lake.open(CLICKS), CLICKS, click_frame([Click(DAY)]))  # a sync that died half-way
    assert world.analytics.run(QUERY, ANN) == before
    events = world.analytics.export_rows(replace(QUERY, group_by="event"), ANN).frames
    assert sum(frame.height for frame in events) == before.totals.clicks


def test_files_that_a_compaction_took_away_are_asked_for_again(world: Filled, engine: Engine) -> None:
    class Vacuumed:
        """A lake whose first snapshot of each question names files that are gone by the time they are read."""

        def __init__(self) -> None:
            self.asked = 0

        def __getattr__(self, name: str) -> object:
            return getattr(world.lake, name)

        def snapshot(self) -> object:
            self.asked += 1
            taken = world.lake.snapshot()
            if self.asked % 2 == 0:
                return taken
            gone = {key: tuple(f"{file}.gone" for file in files) for key, files in taken.counts.items()}
            return replace(taken, counts=gone)

    vacuumed = Vacuumed()
    analytics = open_analytics(vacuumed, world.database, engine)  # type: ignore[arg-type]
    assert analytics.run(QUERY, ANN).rows == world.analytics.run(QUERY, ANN).rows
    assert vacuumed.asked == 2


def test_a_lake_that_lost_its_files_is_unavailable(world: Filled) -> None:
    world.analytics.data_version()
    rmtree(Path(world.lake.uri(CLICK_COUNTS)) / "grain=day")
    with pytest.raises(StoreUnavailableError):
        world.analytics.run(QUERY, ANN)


def test_an_empty_lake_has_answers(tmp_path: Path, engine: Engine) -> None:
    empty = filled(tmp_path, engine)
    answer = empty.analytics.run(replace(QUERY, compare="previous", confidence=True), ANN)
    assert (answer.rows, answer.totals.clicks, answer.tracked_from) == ((), 0, None)
    assert answer.confidence is not None
    assert answer.confidence.score == 0
    days = empty.analytics.run(replace(QUERY, group_by="day", as_of=NOW), ANN)
    assert [row.metrics.clicks for row in days.rows] == [0] * 10
    assert sum(frame.height for frame in empty.analytics.export_rows(replace(QUERY, group_by="event"), ANN).frames) == 0


def converted(world: Filled) -> None:
    """Five people of AT, of whom three buy within 10, 20 and 900 seconds; one purchase whose click is not here yet."""
    clicks = [Click(DAY, country="AT", number=number, visitor=number) for number in range(5)]
    bought = [
        Conversion(DAY + timedelta(seconds=seconds), number, DAY, Decimal("10.50"), "EUR")
        for number, seconds in enumerate((10, 20, 900))
    ]
    waiting = Conversion(DAY, 77, DAY - timedelta(seconds=60), Decimal(5), "USD")
    add_batch(world.lake, [*clicks, *bought, waiting, Signal(DAY, 1, DAY, "launch"), Signal(DAY)])


def posted(world: Filled, day: date, **posts: int) -> None:
    rows = [{"handle": "acme", "day": day, "outcome": outcome, "posts": count} for outcome, count in posts.items()]
    with world.database.begin() as connection:
        connection.execute(tables.conversion_outcomes.insert(), rows)


FUNNEL = replace(QUERY, group_by=None, funnel=True)


def test_a_funnel_alone_has_totals_and_no_rows(world: Filled) -> None:
    converted(world)
    answer = world.analytics.run(FUNNEL, ANN)
    assert answer.rows == ()
    assert answer.totals == world.analytics.run(replace(FUNNEL, group_by="day"), ANN).totals
    funnel = answer.funnel
    assert funnel is not None
    assert [(stage.name, stage.count) for stage in funnel.stages] == [
        ("clicks", 8),
        ("qualifiedClicks", 7),
        ("conversions", 4),
    ]
    assert funnel.impressions == Impressions(2, 0.29)
    assert answer.totals.revenue_by_currency == {"EUR": Decimal("31.5"), "USD": Decimal(5)}
    assert funnel.time_to_conversion == TimeToConversion(20, 900)  # of 10, 20, 60 and 900 seconds
    assert funnel.final_through is None


def test_what_was_taken_back_does_not_stretch_the_time_to_conversion(world: Filled) -> None:
    converted(world)
    add_batch(world.lake, [Click(DAY - timedelta(seconds=60), number=77, country="CH", visitor=None)])
    of_ch = replace(FUNNEL, filters=(Filter("country", ("CH",)),))
    answer = world.analytics.run(of_ch, ANN)
    assert answer.totals.conversions == 1
    assert answer.funnel is not None
    assert answer.funnel.time_to_conversion == TimeToConversion(60, 60)
    assert answer.funnel.posts.click_not_yet_seen == 0
    pending = world.analytics.run(replace(FUNNEL, filters=(Filter("country", ("(pending)",)),)), ANN)
    assert pending.totals.conversions == 0
    assert pending.funnel is not None
    assert pending.funnel.time_to_conversion is None


def test_days_are_final_when_their_clicks_can_convert_no_more(world: Filled) -> None:
    synced(world, datetime(2026, 3, 10, 0, 16, tzinfo=UTC))
    answer = world.analytics.run(replace(FUNNEL, group_by="day"), ANN)
    assert answer.funnel is not None
    assert answer.funnel.final_through == date(2026, 3, 9)
    assert [row.key for row in answer.rows if row.is_final is False] == ["20260310"]
    then = world.analytics.run(replace(FUNNEL, as_of=datetime(2026, 3, 9, tzinfo=UTC)), ANN)
    assert then.funnel is not None
    assert then.funnel.final_through is None
    assert {row.is_final for row in world.analytics.run(replace(QUERY, group_by="day"), ANN).rows} == {None}


@pytest.mark.parametrize("configured", [False, True])
def test_a_day_is_not_final_when_the_sync_may_have_missed_its_last_posts(world: Filled, configured: bool) -> None:
    """A sync takes what was posted before it began; its end says nothing of what was posted meanwhile."""
    last_ctx = datetime(2026, 3, 10, 0, 16, tzinfo=UTC)

    def final_through() -> date | None:
        funnel = world.analytics.run(FUNNEL, ANN).funnel
        assert funnel is not None
        return funnel.final_through

    synced(world, NOW - timedelta(hours=2), started_at=last_ctx - timedelta(seconds=1), configured=configured)
    assert final_through() == date(2026, 3, 8)
    synced(world, NOW - timedelta(hours=1), started_at=last_ctx, configured=configured)
    assert final_through() == date(2026, 3, 9)
    synced(world, NOW, started_at=last_ctx - timedelta(days=1), configured=configured)
    assert final_through() == date(2026, 3, 9), "a slow sync beside it takes nothing back"


def test_every_post_has_one_outcome(world: Filled) -> None:
    converted(world)
    posted(world, date(2026, 3, 10), accepted=4, duplicate=2, key_reused=1)
    posted(world, date(2026, 3, 1), expired=3, bad_signature=5, invalid_field=6, rate_limited=7)
    posted(world, date(2026, 2, 28), accepted=100)
    answer = world.analytics.run(replace(FUNNEL, filters=(Filter("country", ("AT",)),)), ANN)
    assert answer.funnel is not None
    assert answer.funnel.posts == Posts(3, 2, 1, 3, 5, 6, 7, click_not_yet_seen=1)


def test_the_state_of_a_funnel_changes_with_its_posts(world: Filled) -> None:
    before, breakdown = world.analytics.state(FUNNEL), world.analytics.state(QUERY)
    posted(world, date(2026, 3, 10), expired=1)
    assert world.analytics.state(FUNNEL) != before
    assert world.analytics.state(QUERY) == breakdown


def test_the_state_of_a_comparison_changes_each_minute_while_the_last_day_goes_on(
    world: Filled, engine: Engine
) -> None:
    today = Period(NOW.date(), NOW.date())
    compared, alone = (Query("acme", "slug", today, compare=compare) for compare in ("previous", None))
    now, soon, later = (world.at(NOW + timedelta(seconds=wait), engine).analytics for wait in (0, 59, 60))
    assert now.state(compared) == soon.state(compared) != later.state(compared)
    assert now.state(alone) == later.state(alone)


def test_conversions_that_wait_for_their_click_are_no_reason_for_doubt(world: Filled) -> None:
    synced(world, NOW)
    day = DAY - timedelta(days=5)
    asked = replace(QUERY, period=Period(day.date(), day.date()), confidence=True)
    pair = [Conversion(day, number, day) for number in (70, 71)]
    add_batch(world.lake, pair)

    def doubts() -> set[str]:
        told = world.analytics.run(asked, ANN).confidence
        assert told is not None
        return {factor.name for factor in told.factors}

    assert world.analytics.run(asked, ANN).totals.conversions == 2
    assert "conversionsExceedClicks" not in doubts()
    add_batch(world.lake, [Click(day, number=70), Conversion(day, 70, day), Conversion(day, 70, day)])
    assert "conversionsExceedClicks" in doubts()


def test_the_data_version_follows_what_followed_clicks_and_not_the_files(world: Filled) -> None:
    first = world.analytics.data_version()
    converted(world)
    second = world.analytics.data_version()
    add_batch(world.lake, [Conversion(DAY, 1, DAY)])
    third = world.analytics.data_version()
    assert len({first, second, third}) == 3
    before = world.analytics.run(QUERY, ANN)
    rows = world.lake.scan(world.lake.open(ATTRIBUTIONS), ATTRIBUTIONS).collect()
    world.lake.replace(world.lake.open(ATTRIBUTIONS), ATTRIBUTIONS, world.lake.write(ATTRIBUTIONS, rows))
    compact(world.lake, world.agents, SegmentRules(), stamps_of(lambda: NOW, world.database))
    assert world.analytics.data_version() == third
    assert world.analytics.run(QUERY, ANN) == before


def test_an_earlier_answer_has_what_had_followed_by_then(world: Filled) -> None:
    early = NOW - timedelta(days=1)
    add_batch(world.lake, [Conversion(DAY, 5, DAY, Decimal(7), "EUR", learnt_at=early)])
    add_batch(world.lake, [Click(DAY, number=5, country="FR", visitor=3), Conversion(DAY, 5, DAY, Decimal(2), "EUR")])
    then = world.analytics.run(replace(QUERY, as_of=early), ANN)
    assert {row.key: row.metrics.revenue for row in then.rows if row.metrics.conversions} == {"(pending)": 7}
    now = world.analytics.run(replace(QUERY, as_of=NOW), ANN)
    assert {row.key: row.metrics.revenue for row in now.rows if row.metrics.conversions} == {"FR": 9}
    assert now.rows == world.analytics.run(QUERY, ANN).rows
