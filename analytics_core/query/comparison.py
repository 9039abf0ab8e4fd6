"""The earlier period that a question compares with: its days, which day of the range each of them stands beside, and
when it ends while the range is still going on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from analytics_core.model import Period, Query
from analytics_core.slots import SlotRange, slot_of, slot_time
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


def earlier_end(earlier: Period, period: Period, now: datetime) -> datetime:
    """The end of the earlier period, which counts to before it. While the last day of the range is going on, its last
    day ends at the same minute on local clocks."""
    if not is_so_far(period, now):
        return earlier.end
    same = same_time_of_day(now.replace(second=0, microsecond=0), earlier.to_day, period.timezone)
    return max(earlier.start, min(earlier.end, same))


def slots_until(start: datetime, end: datetime) -> SlotRange:
    """The quarter hours from `start` on that begin before `end`."""
    last = slot_of(end)
    return SlotRange(slot_of(start), last if slot_time(last) == end else last + 1)


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
