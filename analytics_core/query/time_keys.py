"""Time keys: the buckets of a grouping by time, and which of the numbers that the engine counts by belong to each.

The engine groups by a number: of the local day since 1970-01-01, of the quarter hour, or of the local hour within the
week. Which key that is, is said here, in Python, from the zone's shifts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import polars as pl

from analytics_core.model import Interval, Period
from analytics_core.slots import SLOTS_PER_DAY, Shift, SlotRange

Unit = Literal["quarter_hour", "local_day", "hour_of_week"]

SLOTS_PER_HOUR: Final = 4
HOURS_PER_WEEK: Final = 168
UNITS: Final[Mapping[Interval, Unit]] = {
    "hour": "quarter_hour",
    "day": "local_day",
    "week": "local_day",
    "month": "local_day",
}

_EPOCH: Final = date(1970, 1, 1)
_EPOCH_HOUR: Final = 3 * 24  # 1970-01-01 was a Thursday; weeks begin on Monday


@dataclass(frozen=True, slots=True)
class Bucket:
    """One key. `last_day` is the last local day of the range in it; `quarter_hours` are those of the range in it;
    `clock_hour` is what clocks show in an hour."""

    key: str
    last_day: date | None = None
    clock_hour: int | None = None
    quarter_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Buckets:
    """All buckets of a range in the order of time; `places` says in which of them a number of the engine counts."""

    unit: Unit
    all: tuple[Bucket, ...]
    places: Mapping[int, int]


def buckets_of_interval(interval: Interval, period: Period, covered: SlotRange, shifts: tuple[Shift, ...]) -> Buckets:
    """Every hour, day, week or month that the range touches. The first and the last hold only what lies in the range.

    `shifts` are those of the period's zone, from before the range on.
    """
    if interval == "hour":
        return _hours(covered, shifts)
    buckets: dict[str, Bucket] = {}
    places: dict[int, int] = {}
    for day in period.days:
        key = _key_of_day(interval, day)
        buckets[key] = Bucket(key, last_day=day)
        places[number_of_day(day)] = len(buckets) - 1
    return Buckets("local_day", tuple(buckets.values()), places)


def buckets_of_week(covered: SlotRange, shifts: tuple[Shift, ...]) -> Buckets:
    """The 168 local hours of a week, whether the range holds any of them or not."""
    counts = [0] * HOURS_PER_WEEK
    for part, shift in _parts(covered, shifts):
        hour = (pl.int_range(part.start, part.end, eager=True) + shift) // SLOTS_PER_HOUR % HOURS_PER_WEEK
        for number, count in hour.value_counts().iter_rows():
            counts[number] += count
    numbers = [(place - _EPOCH_HOUR) % HOURS_PER_WEEK for place in range(HOURS_PER_WEEK)]
    buckets = tuple(
        Bucket(f"{place // 24 + 1}-{place % 24:02d}", quarter_hours=counts[number])
        for place, number in enumerate(numbers)
    )
    return Buckets("hour_of_week", buckets, {number: place for place, number in enumerate(numbers)})


def number_of_day(day: date) -> int:
    """The number of a local day."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """The local day with this number."""
    return _EPOCH + timedelta(days=number)


def _hours(covered: SlotRange, shifts: tuple[Shift, ...]) -> Buckets:
    """Local hours; one that clocks repeat is there twice, under the offset of each."""
    buckets: dict[str, Bucket] = {}
    places: dict[int, int] = {}
    for part, shift in _parts(covered, shifts):
        offset = f"{'-' if shift < 0 else '+'}{abs(shift) // SLOTS_PER_HOUR:02d}{abs(shift) % SLOTS_PER_HOUR * 15:02d}"
        for slot in range(part.start, part.end):
            day, hour = day_of((slot + shift) // SLOTS_PER_DAY), (slot + shift) // SLOTS_PER_HOUR % 24
            key = f"{day:%Y%m%d}T{hour:02d}{offset}"
            buckets.setdefault(key, Bucket(key, last_day=day, clock_hour=hour))
            places[slot] = len(buckets) - 1
    return Buckets("quarter_hour", tuple(buckets.values()), places)


def _key_of_day(interval: Interval, day: date) -> str:
    if interval == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{day:%Y%m}" if interval == "month" else f"{day:%Y%m%d}"


def _parts(covered: SlotRange, shifts: tuple[Shift, ...]) -> Iterator[tuple[SlotRange, int]]:
    """The range in parts with one offset each."""
    ends = [one.start for one in shifts[1:]] + [covered.end]
    for one, end in zip(shifts, ends, strict=True):
        part = SlotRange(max(one.start, covered.start), min(end, covered.end))
        if part.start < part.end:
            yield part, one.slots
