"""Buckets of time where clocks do odd things, and the earlier period that a question compares with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics_core.model import Interval, Period, Query
from analytics_core.query.comparison import earlier_end, earlier_period
from analytics_core.query.resolve import resolve
from analytics_core.query.time_keys import buckets_of_interval, buckets_of_week
from analytics_core.slots import shifts_of, slots_of
from analytics_core.zones import NAMES, local_midnight

NOW = datetime(2040, 1, 1, tzinfo=UTC)

MONDAY_ON = Period(date(2025, 12, 1), date(2025, 12, 3))


def keys(interval: Interval, period: Period) -> list[str]:
    covered = slots_of(period)
    found = buckets_of_interval(interval, period, covered, shifts_of(period.timezone, covered))
    return [bucket.key for bucket in found.all]


@pytest.mark.parametrize(
    ("zone", "day", "count", "some"),
    [
        ("Europe/Berlin", date(2026, 10, 25), 25, ["20261025T02+0200", "20261025T02+0100", "20261025T03+0100"]),
        ("Europe/Berlin", date(2026, 3, 29), 23, ["20260329T01+0100", "20260329T03+0200"]),
        ("Asia/Kathmandu", date(2026, 1, 1), 24, ["20260101T00+0545", "20260101T01+0545"]),
        ("America/St_Johns", date(2026, 1, 1), 24, ["20260101T00-0330"]),
        ("Australia/Lord_Howe", date(2026, 4, 5), 25, ["20260405T01+1100", "20260405T01+1030", "20260405T02+1030"]),
        ("America/Sao_Paulo", date(2018, 11, 4), 23, ["20181104T01-0200"]),
        ("Pacific/Apia", date(2011, 12, 30), 0, []),
    ],
)
def test_hours_are_those_that_clocks_show(zone: str, day: date, count: int, some: list[str]) -> None:
    found = keys("hour", Period(day, day, zone))
    assert len(found) == count
    assert [key for key in found if key in some] == some


def test_every_quarter_hour_of_the_range_has_one_place() -> None:
    period = Period(date(2026, 10, 24), date(2026, 10, 26), "Europe/Berlin")
    covered = slots_of(period)
    found = buckets_of_interval("hour", period, covered, shifts_of(period.timezone, covered))
    assert list(found.places) == list(range(covered.start, covered.end))
    assert list(found.places.values()) == sorted(found.places.values())


def test_weeks_and_months_of_the_turn_of_a_year() -> None:
    period = Period(date(2026, 12, 27), date(2027, 1, 4))
    assert keys("week", period) == ["2026-W52", "2026-W53", "2027-W01"]
    assert keys("month", period) == ["202612", "202701"]


@pytest.mark.parametrize(
    ("zone", "day", "quarter_hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), {"7-01": 4, "7-02": 0, "7-03": 4, "1-00": 0}),
        ("Europe/Berlin", date(2026, 10, 25), {"7-01": 4, "7-02": 8}),
        ("Australia/Lord_Howe", date(2026, 4, 5), {"7-01": 6, "7-02": 4}),
        ("Asia/Kathmandu", date(2026, 1, 1), {"4-00": 4, "4-23": 4, "5-00": 0}),
    ],
)
def test_hours_of_the_week_say_how_long_they_were(zone: str, day: date, quarter_hours: dict[str, int]) -> None:
    covered = slots_of(Period(day, day, zone))
    found = {bucket.key: bucket.quarter_hours for bucket in buckets_of_week(covered, shifts_of(zone, covered)).all}
    assert {key: found[key] for key in quarter_hours} == quarter_hours
    assert sum(count or 0 for count in found.values()) == covered.end - covered.start
    assert list(found) == [f"{day}-{hour:02d}" for day in range(1, 8) for hour in range(24)]


@pytest.mark.parametrize(
    ("compare", "match_weekdays", "days", "earlier"),
    [
        ("previous", False, ("2026-02-01", "2026-02-28"), ("2026-01-04", "2026-01-31")),
        ("previous", True, ("2026-02-01", "2026-02-28"), ("2026-01-04", "2026-01-31")),
        ("previous", True, ("2026-03-01", "2026-03-30"), ("2026-01-25", "2026-02-23")),  # 35 days back
        ("previousYear", False, ("2028-02-29", "2028-02-29"), ("2027-02-28", "2027-02-28")),
        ("previousYear", True, ("2026-06-01", "2026-06-30"), ("2025-06-02", "2025-07-01")),  # 52 weeks back
        (
            MONDAY_ON,
            False,
            ("2026-02-01", "2026-02-28"),
            ("2025-12-01", "2025-12-03"),
        ),
        (
            MONDAY_ON,
            True,
            ("2026-02-01", "2026-02-28"),
            ("2025-11-30", "2025-12-02"),
        ),
    ],
)
def test_the_earlier_period(
    compare: Any, match_weekdays: bool, days: tuple[str, str], earlier: tuple[str, str]
) -> None:
    period = Period(*map(date.fromisoformat, days), "Europe/Berlin")
    found = earlier_period(Query("acme", "day", period, compare=compare, match_weekdays=match_weekdays))
    assert found == Period(*map(date.fromisoformat, earlier), "Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 3, 30, 13, 44, 59, tzinfo=UTC), datetime(2026, 3, 23, 14, 44, tzinfo=UTC)),  # 15:44 in Berlin
        (datetime(2026, 3, 29, 22, 0, 30, tzinfo=UTC), datetime(2026, 3, 22, 23, 0, tzinfo=UTC)),  # just begun
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), datetime(2026, 3, 23, 23, 0, tzinfo=UTC)),  # the day before
        (datetime(2026, 3, 30, 22, 0, tzinfo=UTC), datetime(2026, 3, 23, 23, 0, tzinfo=UTC)),  # the day is over
    ],
)
def test_the_earlier_period_ends_at_the_same_local_time_while_the_last_day_goes_on(
    now: datetime, end: datetime
) -> None:
    period = Period(date(2026, 3, 30), date(2026, 3, 30), "Europe/Berlin")  # in summer time
    earlier = Period(date(2026, 3, 23), date(2026, 3, 23), "Europe/Berlin")  # in winter time
    assert earlier_end(earlier, period, now) == end


def test_a_time_that_clocks_skipped_on_the_earlier_day_comes_after_the_gap() -> None:
    period = Period(date(2026, 4, 5), date(2026, 4, 5), "Europe/Berlin")
    earlier = Period(date(2026, 3, 29), date(2026, 3, 29), "Europe/Berlin")
    found = earlier_end(earlier, period, datetime(2026, 4, 5, 0, 31, tzinfo=UTC))  # 2:31; there is none
    assert found == datetime(2026, 3, 29, 1, 31, tzinfo=UTC)


@settings(deadline=None)
@given(
    timezone=st.sampled_from(sorted(NAMES)),
    from_day=st.dates(date(2000, 1, 31), date(2037, 1, 1)),
    days=st.integers(1, 40),
    compare=st.sampled_from(["previous", "previousYear"]),
    interval=st.sampled_from(["hour", "day", "week", "month"]),
)
def test_all_of_an_earlier_period_stands_beside_the_range(
    timezone: str, from_day: date, days: int, compare: Any, interval: Any
) -> None:
    period = Period(from_day, from_day + timedelta(days=days - 1), timezone)
    assume(
        all(local_midnight(day, timezone) < local_midnight(day + timedelta(days=1), timezone) for day in period.days)
    )
    found = resolve(Query("acme", "day", period, compare=compare, interval=interval), NOW)
    assert found.previous
    assert found.previous_places
    assert found.buckets
    assert found.previous_period
    numbers = (
        range(found.previous.start, found.previous.end)
        if interval == "hour"
        else [(day - date(1970, 1, 1)).days for day in found.previous_period.days]
    )
    assert list(found.previous_places) == list(numbers)
    assert set(found.previous_places.values()) <= set(range(len(found.buckets.all)))


def test_a_day_that_a_zone_skipped_has_no_hours_for_the_day_before() -> None:
    never = Period(date(2011, 12, 30), date(2011, 12, 31), "Pacific/Apia")
    found = resolve(Query("acme", "day", never, compare="previous", interval="hour"), NOW)
    assert found.previous
    assert found.previous_places
    assert found.buckets
    second_day = slots_of(Period(date(2011, 12, 29), date(2011, 12, 29), "Pacific/Apia"))
    assert list(found.previous_places) == list(range(second_day.start, second_day.end))
    assert list(found.previous_places.values()) == [place for place in range(24) for _ in range(4)]
