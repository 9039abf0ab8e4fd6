"""Which quarter hours a question covers, and in which grain they are read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tzif

from analytics_core.errors import InvalidGroupByError
from analytics_core.model import Filter, Period, Query
from analytics_core.query.resolve import Resolved, resolve
from analytics_core.slots import Shift, SlotRange, shifts_of, slot_time, slots_of
from analytics_core.zones import NAMES

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY, QUARTERS = "day", "quarter_hour"


def resolved(
    group_by: str = "country",
    from_day: date = date(2026, 2, 1),
    to_day: date = date(2026, 2, 28),
    timezone: str = "UTC",
    **others: object,
) -> Resolved:
    return resolve(Query("acme", group_by, Period(from_day, to_day, timezone), **others), NOW)  # type: ignore[arg-type]


def test_sort_is_by_key_for_days_and_by_clicks_otherwise() -> None:
    assert (resolved("day").sort, resolved("slug").sort, resolved("day", sort="desc").sort) == ("asc", "desc", "desc")


@pytest.mark.parametrize(
    ("group_by", "timezone", "filters", "grains"),
    [
        ("country", "UTC", (), {DAY}),
        ("day", "UTC", (), {DAY}),
        ("day", "Africa/Abidjan", (), {DAY}),
        ("day", "Asia/Kolkata", (), {QUARTERS}),
        ("country", "Asia/Kolkata", (), {DAY, QUARTERS}),
        ("country", "UTC", (Filter("referrerHost", ("x.com",)),), {QUARTERS}),
        ("country", "UTC", (Filter("referrer", ("x.com",)),), {DAY}),
    ],
)
def test_whole_utc_days_are_read_as_days(
    group_by: str, timezone: str, filters: tuple[Filter, ...], grains: set[str]
) -> None:
    assert set(resolved(group_by, timezone=timezone, filters=filters).reads) == grains


@settings(deadline=None)
@given(
    timezone=st.sampled_from(sorted(NAMES)),
    from_day=st.dates(date(2000, 1, 3), date(2037, 1, 1)),
    days=st.integers(1, 400),
    group_by=st.sampled_from(["country", "day"]),
    compare=st.sampled_from([None, "previous"]),
)
def test_the_reads_cover_the_period_exactly_once(
    timezone: str, from_day: date, days: int, group_by: str, compare: str | None
) -> None:
    found = resolved(group_by, from_day, from_day + timedelta(days=days - 1), timezone, compare=compare)
    parts = sorted((one.start, one.end) for ranges in found.reads.values() for one in ranges)
    assert all(end == start for (_, end), (start, _) in pairwise(parts))
    assert not parts or (parts[0][0], parts[-1][1]) == (found.covered.start, found.covered.end)
    assert all(one.start % 96 == one.end % 96 == 0 for one in found.reads.get(DAY, ()))


@settings(deadline=None)
@given(
    timezone=st.sampled_from(sorted(NAMES)),
    from_day=st.dates(date(2012, 1, 1), date(2037, 1, 1)),
    days=st.integers(1, 400),
)
def test_shifts_tell_the_local_day_of_every_slot(timezone: str, from_day: date, days: int) -> None:
    covered = slots_of(Period(from_day, from_day + timedelta(days=days - 1), timezone))
    shifts = shifts_of(timezone, covered)
    found = tzif.offsets(tzif.content(timezone))
    for slot in {*range(covered.start, covered.end, 7), *(s.start + near for s in shifts for near in (-1, 0, 1))}:
        if covered.start <= slot < covered.end:
            shift = next(one.slots for one in reversed(shifts) if one.start <= slot)
            assert (slot + shift) // 96 == found.local_days(np.array([slot * 900]))[0]


def test_a_day_without_midnight_begins_after_the_gap() -> None:
    covered = slots_of(Period(date(2018, 11, 4), date(2018, 11, 4), "America/Sao_Paulo"))
    assert slot_time(covered.start) == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert covered.end - covered.start == 23 * 4


def test_months_are_those_that_the_range_touches() -> None:
    start, end = (int(datetime(2025, month, 1, tzinfo=UTC).timestamp()) // 900 for month in (11, 12))
    assert SlotRange(start, end).months == ("2025-11",)
    assert SlotRange(start - 1, end + 96 * 40).months == ("2025-10", "2025-11", "2025-12", "2026-01")
    assert SlotRange(start, start).months == ()


def test_a_dimension_that_only_filters_cannot_group() -> None:
    with pytest.raises(InvalidGroupByError):
        resolved("campaignId")


@pytest.mark.parametrize("begin", range(96))
def test_a_change_of_clocks_is_found_to_the_slot_wherever_the_range_begins(begin: int) -> None:
    change = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()) // 900
    covered = SlotRange(change - 200 - begin, change + 300)
    assert shifts_of("Europe/Berlin", covered) == (Shift(covered.start, 4), Shift(change, 8))


def test_a_change_of_clocks_after_the_range_is_none_of_its_business() -> None:
    change = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()) // 900
    assert shifts_of("Europe/Berlin", SlotRange(change - 100, change)) == (Shift(change - 100, 4),)
    assert shifts_of("Europe/Berlin", SlotRange(change, change + 1)) == (Shift(change, 8),)
