"""A Query made definite: which quarter hours it covers, in which grain they are read, how local days are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Final

from analytics_core.dimensions import WEEKDAY_HOUR, Dimension
from analytics_core.model import Period, Query, Sort
from analytics_core.query.catalog import FILTERS, grouping
from analytics_core.query.comparison import counterpart, earlier_end, earlier_period, is_so_far, slots_until
from analytics_core.query.counterparts import previous_places
from analytics_core.query.time_keys import Buckets, buckets_of_interval, buckets_of_week
from analytics_core.slots import SLOTS_PER_DAY, Shift, SlotRange, shifts_of, slot_time, slots_of

DAY_GRAIN: Final = "day"
QUARTER_HOUR_GRAIN: Final = "quarter_hour"
SINGLE_CLICKS: Final = "single_clicks"  # of a quarter hour in which the earlier period ends
_FEWEST_KEYS: Final = "device"


@dataclass(frozen=True, slots=True)
class Resolved:
    """`reads` says which ranges come from which grain; together they cover `previous` and `current` exactly once.

    Totals alone are added up over `dimension` too. `buckets` are those of a grouping by time, and `previous_places`
    says in which of them a number of the earlier period counts, as far as it has a counterpart.
    `so_far`: the range is still going on, and `previous` ends at the same local time. Where that is within a quarter
    hour, `previous` holds all of it, and `previous_until` says up to when it counts.
    """

    query: Query
    dimension: Dimension
    sort: Sort
    current: SlotRange
    previous: SlotRange | None
    previous_until: datetime | None
    previous_period: Period | None
    so_far: bool
    reads: Mapping[str, tuple[SlotRange, ...]]
    shifts: tuple[Shift, ...]
    buckets: Buckets | None
    previous_places: Mapping[int, int] | None

    @property
    def covered(self) -> SlotRange:
        """From the begin of the earlier to the end of the later period."""
        ranges = [one for one in (self.previous, self.current) if one is not None]
        return SlotRange(min(one.start for one in ranges), max(one.end for one in ranges))

    @property
    def ranges(self) -> tuple[SlotRange, ...]:
        """What both periods cover, in order; one range where they meet."""
        first, *others = sorted({self.previous or self.current, self.current}, key=lambda one: one.start)
        if not others:
            return (first,)
        last = others[0]
        if last.start <= first.end:
            return (SlotRange(first.start, max(first.end, last.end)),)
        return (first, last)


def resolve(query: Query, now: datetime) -> Resolved:
    """Fills in what the question leaves open. Raises InvalidGroupByError for a dimension that cannot group."""
    dimension = grouping(query.group_by or _FEWEST_KEYS)
    period, earlier = query.period, earlier_period(query)
    current = slots_of(period)
    end = earlier_end(earlier, period, query.as_of or now) if earlier else None
    previous = slots_until(earlier.start, end) if earlier and end else None
    is_cut = previous is not None and end is not None and end < slot_time(previous.end)
    both = [current] if previous is None else [previous, current]
    outer = SlotRange(min(one.start for one in both), max(one.end for one in both))
    shifts = shifts_of(period.timezone, outer)
    buckets = _buckets(query, dimension, period, current, shifts)
    past = _buckets(query, dimension, earlier, previous, shifts) if earlier and previous else None
    return Resolved(
        query=query,
        dimension=dimension,
        sort=query.sort or dimension.default_sort,
        current=current,
        previous=previous,
        previous_until=end if is_cut else None,
        previous_period=earlier,
        so_far=earlier is not None and is_so_far(period, query.as_of or now),
        reads=_reads(
            both,
            SlotRange(previous.end - 1, previous.end) if previous and is_cut else None,
            quarter_hours_only=_needs_quarter_hours(query, buckets, shifts),
        ),
        shifts=shifts,
        buckets=buckets,
        previous_places=previous_places(buckets, past, partial(counterpart, earlier=earlier, query=query))
        if buckets and past and earlier
        else None,
    )


def _buckets(
    query: Query, dimension: Dimension, period: Period, covered: SlotRange, shifts: tuple[Shift, ...]
) -> Buckets | None:
    if dimension.name == WEEKDAY_HOUR:
        return buckets_of_week(covered, shifts)
    return buckets_of_interval(query.interval, period, covered, shifts) if dimension.origin == "time" else None


def _needs_quarter_hours(query: Query, buckets: Buckets | None, shifts: Sequence[Shift]) -> bool:
    if any(FILTERS[one.dimension].quarter_hours_only for one in query.filters):
        return True
    if buckets is None:
        return False
    return buckets.unit != "local_day" or any(shift.slots % SLOTS_PER_DAY for shift in shifts)


def _reads(
    ranges: Sequence[SlotRange], single: SlotRange | None, *, quarter_hours_only: bool
) -> dict[str, tuple[SlotRange, ...]]:
    """Which parts of the ranges come from which grain; `single` from the single clicks."""
    parts = _apart(ranges if single is None else [*ranges, single])
    if single is None:
        return {QUARTER_HOUR_GRAIN: tuple(parts)} if quarter_hours_only else _mixed_grains(parts)
    others = [part for part in parts if part != single]
    from_cube = {QUARTER_HOUR_GRAIN: tuple(others)} if quarter_hours_only else _mixed_grains(others)
    return {**(from_cube if others else {}), SINGLE_CLICKS: (single,)}


def _apart(ranges: Sequence[SlotRange]) -> list[SlotRange]:
    """The ranges without overlap, cut wherever one of them begins or ends: no day is read for two of them at once."""
    edges = sorted({edge for one in ranges for edge in (one.start, one.end)})
    parts = [
        SlotRange(start, end)
        for start, end in pairwise(edges)
        if any(one.start <= start and end <= one.end for one in ranges)
    ]
    return parts or list(ranges)


def _mixed_grains(ranges: Sequence[SlotRange]) -> dict[str, tuple[SlotRange, ...]]:
    """Whole UTC days from the day grain, what is left at both ends of each range from the quarter hours."""
    days: list[SlotRange] = []
    edges: list[SlotRange] = []
    for one in ranges:
        first = -(-one.start // SLOTS_PER_DAY) * SLOTS_PER_DAY
        last = one.end // SLOTS_PER_DAY * SLOTS_PER_DAY
        if first >= last:
            edges.append(one)
            continue
        days.append(SlotRange(first, last))
        edges += [SlotRange(one.start, first), SlotRange(last, one.end)]
    reads = {
        grain: kept
        for grain, parts in ((DAY_GRAIN, days), (QUARTER_HOUR_GRAIN, edges))
        if (kept := tuple(part for part in parts if part.start < part.end))
    }
    return reads or {DAY_GRAIN: tuple(ranges)}  # a day that a zone skipped has no slots, and is asked for like any
