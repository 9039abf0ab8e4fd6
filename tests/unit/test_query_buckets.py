"""Buckets of time where clocks do odd things, and the earlier period that a question compares with."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from analytics_core.model import Interval, Period, Query
from analytics_core.query.buckets import buckets_of_interval, buckets_of_week
from analytics_core.query.comparison import earlier_period, earlier_slots
from analytics_core.slots import shifts_of, slot_time, slots_of

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
        (datetime(2026, 3, 30, 13, 44, 59, tzinfo=UTC), datetime(2026, 3, 23, 14, 30, tzinfo=UTC)),  # 15:44 in Berlin
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), datetime(2026, 3, 23, 23, 0, tzinfo=UTC)),  # the day before
        (datetime(2026, 3, 30, 22, 0, tzinfo=UTC), datetime(2026, 3, 23, 23, 0, tzinfo=UTC)),  # the day is over
    ],
)
def test_the_earlier_period_ends_at_the_same_local_time_while_the_last_day_goes_on(
    now: datetime, end: datetime
) -> None:
    period = Period(date(2026, 3, 30), date(2026, 3, 30), "Europe/Berlin")  # in summer time
    earlier = Period(date(2026, 3, 23), date(2026, 3, 23), "Europe/Berlin")  # in winter time
    assert slot_time(earlier_slots(earlier, period, now).end) == end


def test_a_time_that_clocks_skipped_on_the_earlier_day_comes_after_the_gap() -> None:
    period = Period(date(2026, 4, 5), date(2026, 4, 5), "Europe/Berlin")
    earlier = Period(date(2026, 3, 29), date(2026, 3, 29), "Europe/Berlin")
    found = earlier_slots(earlier, period, datetime(2026, 4, 5, 0, 30, tzinfo=UTC))  # 2:30; there is none
    assert slot_time(found.end) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
