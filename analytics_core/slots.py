"""Slots: quarter hours since 1970-01-01T00:00Z, in which roll-ups count.

Since 2000 every time zone is off UTC by a multiple of 15 minutes, so local days are whole numbers of slots, and their
arithmetic needs no time zone database in the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

from analytics_core.model import Period
from analytics_core.zones import utc_offset

SLOT_SECONDS: Final = 900
SLOTS_PER_DAY: Final = 96


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


def slot_of(moment: datetime) -> int:
    """The slot in which a moment lies."""
    return int(moment.timestamp()) // SLOT_SECONDS


def slot_time(slot: int) -> datetime:
    """When a slot begins, in UTC."""
    return datetime.fromtimestamp(slot * SLOT_SECONDS, UTC)


def slots_of(period: Period) -> SlotRange:
    return SlotRange(slot_of(period.start), slot_of(period.end))


def day_slots(first: date, last: date) -> SlotRange:
    """Whole UTC days, both inclusive."""
    return slots_of(Period(first, last))


def shifts_of(timezone: str, covered: SlotRange) -> tuple[Shift, ...]:
    """The zone's offsets within the range, each from the slot on in which it begins; the first from its start."""
    shifts = [Shift(covered.start, _offset(timezone, covered.start))]
    for probe in range(covered.start, covered.end + SLOTS_PER_DAY, SLOTS_PER_DAY):
        if _offset(timezone, probe) != shifts[-1].slots:
            begin = _first_slot(timezone, probe - SLOTS_PER_DAY, probe)
            shifts.append(Shift(begin, _offset(timezone, probe)))
    return tuple(shift for shift in shifts if shift.start < covered.end or shift is shifts[0])


def slot_column(time: str) -> pl.Expr:
    """The slots of a column of times, as Int32."""
    return (pl.col(time).dt.epoch("s") // SLOT_SECONDS).cast(pl.Int32)


def time_column(slot: str) -> pl.Expr:
    """When the slots of a column begin, as times without a zone, in UTC."""
    return pl.from_epoch(pl.col(slot).cast(pl.Int64) * SLOT_SECONDS, "s")


def slot_sql(time: str) -> str:
    """The slots of a column of times, in SQL."""
    return f"CAST(epoch_us({time}) // {SLOT_SECONDS * 1_000_000} AS BIGINT)"


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
