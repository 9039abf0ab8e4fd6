"""The pieces that every statement is made of: bound values, ranges of slots, filters, local time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analytics_core.dimensions import CUBE_COLUMNS, DETAIL_COLUMNS
from analytics_core.engines.engine import Value
from analytics_core.model import Filter
from analytics_core.query.catalog import FILTERS
from analytics_core.slots import Shift, SlotRange

DIMENSION_COLUMNS: Final = ", ".join((*CUBE_COLUMNS, *DETAIL_COLUMNS))


class Bound:
    """The values of a statement, each under a name of its own."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}

    def __call__(self, value: Value) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def in_ranges(ranges: Sequence[SlotRange], bound: Bound, slot: str = "slot") -> str:
    """Within one of the ranges. Their outer bounds come first: from those the engine sees what need not be read."""
    outer = SlotRange(min(one.start for one in ranges), max(one.end for one in ranges))
    condition = f"{slot} >= {bound(outer.start)} AND {slot} < {bound(outer.end)}"
    if len(ranges) == 1:
        return condition
    inner = " OR ".join(f"({slot} >= {bound(one.start)} AND {slot} < {bound(one.end)})" for one in ranges)
    return f"{condition} AND ({inner})"


def where(filters: Sequence[Filter], bound: Bound) -> str:
    return f" WHERE true{and_filters(filters, bound)}" if filters else ""


def and_filters(filters: Sequence[Filter], bound: Bound) -> str:
    return "".join(f" AND {_condition(one, bound)}" for one in filters)


def _condition(one: Filter, bound: Bound) -> str:
    dimension = FILTERS[one.dimension]
    value = f"coalesce({', '.join(dimension.columns)}, {bound(dimension.absent)})"
    if dimension.any_case:
        value = f"lower({value})"
    wanted = ", ".join(bound(dimension.compared(item)) for item in one.values)
    return f"{value} {'NOT IN' if one.exclude else 'IN'} ({wanted})"


def shift(shifts: Sequence[Shift], bound: Bound) -> str:
    """How far local time is ahead of UTC at `slot`, in slots."""
    *earlier, last = shifts
    if not earlier:
        return bound(last.slots)
    ends = [one.start for one in shifts[1:]]
    cases = " ".join(
        f"WHEN slot < {bound(end)} THEN {bound(one.slots)}" for one, end in zip(earlier, ends, strict=True)
    )
    return f"CASE {cases} ELSE {bound(last.slots)} END"
