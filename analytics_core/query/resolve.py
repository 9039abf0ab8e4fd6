"""A Query made definite: which quarter hours it covers, in which grain they are read, how local days are told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analytics_core.dimensions import Dimension
from analytics_core.model import Query, Sort
from analytics_core.query.catalog import FILTERS, grouping
from analytics_core.slots import SLOTS_PER_DAY, Shift, SlotRange, shifts_of, slots_of

DAY_GRAIN: Final = "day"
QUARTER_HOUR_GRAIN: Final = "quarter_hour"
_FEWEST_KEYS: Final = "device"


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
    needs_quarter_hours = any(FILTERS[one.dimension].quarter_hours_only for one in query.filters) or (
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
