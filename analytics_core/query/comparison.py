"""The earlier period that a question compares with: its days, which day of the range each of them stands beside, and
where it ends while the range is still going on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from analytics_core.model import Period, Query
from analytics_core.slots import SlotRange, slot_of, slot_time, slots_of
from analytics_core.zones import same_time_of_day


def earlier_period(query: Query) -> Period | None:
    """The days to compare with; None where the query does not compare.

    `match_weekdays` moves them to the nearest days that begin on the same weekday, and never into the range.
    """
    period = query.period
    match query.compare:
        case None:
            return None
        case "previous":
            earlier = period.previous()
        case "previousYear":
            earlier = replace(period, from_day=_year_before(period.from_day), to_day=_year_before(period.to_day))
        case Period():
            earlier = replace(query.compare, timezone=period.timezone)
    return _on_equal_weekdays(earlier, period) if query.match_weekdays else earlier


def counterpart(day: date, earlier: Period, query: Query) -> date | None:
    """The day of the range that a day of the earlier period stands beside; None for what a longer one has left over.

    A year before, that is the same day of the calendar. 29 February stands beside the 28th of a year that has none;
    29 February of the range has a day beside it only where the range begins with it.
    """
    period = query.period
    if query.compare == "previousYear" and not query.match_weekdays:
        return max(_year_after(day), period.from_day)
    found = period.from_day + (day - earlier.from_day)
    return found if found <= period.to_day else None


def is_so_far(period: Period, now: datetime) -> bool:
    """Whether the last day of the range is still going on."""
    last_day = replace(period, from_day=period.to_day)
    return last_day.start <= now < last_day.end


def earlier_slots(earlier: Period, period: Period, now: datetime) -> SlotRange:
    """The quarter hours of the earlier period. While the last day of the range is going on, its last day ends at the
    same local time: after the last quarter hour that is over."""
    whole = slots_of(earlier)
    if not is_so_far(period, now):
        return whole
    last_full = slot_time(slot_of(now))
    end = slot_of(same_time_of_day(last_full, earlier.to_day, period.timezone))
    return SlotRange(whole.start, max(whole.start, min(whole.end, end)))


def _year_before(day: date) -> date:
    return _in_year(day.year - 1, day)


def _year_after(day: date) -> date:
    return _in_year(day.year + 1, day)


def _in_year(year: int, day: date) -> date:
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return day.replace(year=year, day=28)


def _on_equal_weekdays(earlier: Period, period: Period) -> Period:
    ahead = (period.from_day - earlier.from_day).days % 7
    if ahead > 3 or earlier.to_day < period.from_day <= earlier.to_day + timedelta(days=ahead):
        ahead -= 7
    moved = timedelta(days=ahead)
    return replace(earlier, from_day=earlier.from_day + moved, to_day=earlier.to_day + moved)
