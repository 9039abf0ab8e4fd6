"""A Query made definite: which quarter hours it covers, in which grain they are read, how local days are told apart.

A slot is a quarter hour since 1970-01-01T00:00Z. Since 2000 every zone is off UTC by a multiple of 15 minutes, so local
days are whole numbers of slots and their arithmetic needs no time zone database in the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from analytics_core.model import Period, Query, Sort
from analytics_core.query.catalog import DIMENSIONS, Dimension, grouping
from analytics_core.store.schemas import SLOT_SECONDS, SLOTS_PER_DAY
from analytics_core.zones import utc_offset

DAY_GRAIN: Final = "day"
QUARTER_HOUR_GRAIN: Final = "quarter_hour"
_FEWEST_KEYS: Final = "device"


@dataclass(frozen=True, slots=True)
class SlotRange:
    """Quarter hours from `start` to before `end`."""

    start: int
    end: int

    def within(self, other: SlotRange) -> SlotRange:
        """What both ranges have in common."""
        start = max(self.start, other.start)
        return SlotRange(start, max(start, min(self.end, other.end)))

    @property
    def months(self) -> tuple[str, ...]:
        """The UTC months that the range touches, as 'yyyy-mm'."""
        if self.start >= self.end:
            return ()
        first, last = slot_time(self.start), slot_time(self.end - 1)
        count = (last.year - first.year) * 12 + last.month - first.month + 1
        return tuple(
            f"{first.year + (first.month - 1 + ahead) // 12}-{(first.month - 1 + ahead) % 12 + 1:02d}"
            for ahead in range(count)
        )


@dataclass(frozen=True, slots=True)
class Shift:
    """Slots by which a zone's local time is ahead of UTC, from `start` on."""

    start: int
    slots: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """`reads` says which ranges come from which grain; together they cover `previous` and `current` exactly once.

    Totals alone are added up over `dimension` too.
    """

    query: Query
    dimension: Dimension
    sort: Sort
    current: SlotRange
    previous: SlotRange | None
    reads: Mapping[str, tuple[SlotRange, ...]]
    shifts: tuple[Shift, ...]

    @property
    def covered(self) -> SlotRange:
        """The previous and the current period together; the one ends where the other begins."""
        return SlotRange((self.previous or self.current).start, self.current.end)


def resolve(query: Query) -> Resolved:
    """Fills in what the question leaves open. Raises InvalidGroupByError for a dimension that cannot group."""
    dimension = grouping(query.group_by or _FEWEST_KEYS)
    current = slots_of(query.period)
    previous = slots_of(query.period.previous()) if query.compare else None
    shifts = shifts_of(query.period.timezone, SlotRange((previous or current).start, current.end))
    needs_quarter_hours = _filters_by_host(query) or (
        dimension.name == "day" and any(shift.slots % SLOTS_PER_DAY for shift in shifts)
    )
    ranges = [one for one in (previous, current) if one is not None]
    return Resolved(
        query=query,
        dimension=dimension,
        sort=query.sort or dimension.default_sort,
        current=current,
        previous=previous,
        reads={QUARTER_HOUR_GRAIN: tuple(ranges)} if needs_quarter_hours else _mixed_grains(ranges),
        shifts=shifts,
    )


def slots_of(period: Period) -> SlotRange:
    return SlotRange(_slot(period.start), _slot(period.end))


def day_slots(first: date, last: date) -> SlotRange:
    """Whole UTC days, both inclusive."""
    return slots_of(Period(first, last))


def slot_time(slot: int) -> datetime:
    return datetime.fromtimestamp(slot * SLOT_SECONDS, UTC)


def shifts_of(timezone: str, covered: SlotRange) -> tuple[Shift, ...]:
    """The zone's offsets within the range, each from the slot on in which it begins; the first from its start."""
    shifts = [Shift(covered.start, _offset(timezone, covered.start))]
    for probe in range(covered.start, covered.end + SLOTS_PER_DAY, SLOTS_PER_DAY):
        if _offset(timezone, probe) != shifts[-1].slots:
            begin = _first_slot(timezone, probe - SLOTS_PER_DAY, probe)
            shifts.append(Shift(begin, _offset(timezone, probe)))
    return tuple(shift for shift in shifts if shift.start < covered.end or shift is shifts[0])


def _slot(moment: datetime) -> int:
    return int(moment.timestamp()) // SLOT_SECONDS


def _offset(timezone: str, slot: int) -> int:
    return utc_offset(slot_time(slot), timezone) // timedelta(seconds=SLOT_SECONDS)


def _first_slot(timezone: str, before: int, after: int) -> int:
    """The first slot with the offset of `after`, between two slots that differ."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(timezone, middle) == _offset(timezone, after):
            after = middle
        else:
            before = middle
    return after


def _filters_by_host(query: Query) -> bool:
    return any("referrer_host" in DIMENSIONS[one.dimension].columns for one in query.filters)


def _mixed_grains(ranges: list[SlotRange]) -> dict[str, tuple[SlotRange, ...]]:
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
