"""When people click: the day and the week of a handle's own time zone, its growth, its letters and its launch."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from analytics_core.slots import SlotRange, shifts_of
from ingest.demo.chances import Rows, Weights, chances
from ingest.demo.creators import Creator, Launch, Letters
from ingest.demo.requests import Span

QUARTER_HOUR: Final = 900_000
HOUR: Final = 3_600_000
_DAY_TO_DAY: Final = 0.12  # how much days differ for no reason


def weigh_quarter_hours(creator: Creator, span: Span, rng: np.random.Generator) -> Weights:
    """How busy each quarter of an hour from `span.start` on is."""
    local = _local_quarter_hours(creator, span)
    minutes = local.dt.hour().to_numpy() + local.dt.minute().to_numpy() / 60.0
    by_hour = np.interp(minutes, np.arange(25) + 0.5, [*creator.hours, creator.hours[0]], left=creator.hours[0])
    by_weekday = np.asarray(creator.weekdays, dtype=np.float64)[local.dt.weekday().to_numpy() - 1]
    growth = np.linspace(1.0, creator.growth, local.len())
    days = local.dt.date().rank("dense").to_numpy().astype(np.int64) - 1
    mood = rng.lognormal(0.0, _DAY_TO_DAY, int(days.max()) + 1)[days]
    return by_hour * by_weekday * growth * mood


def letter_times(creator: Creator, letters: Letters, span: Span) -> Rows:
    """The moments at which the weekly letter goes out."""
    local = _local_quarter_hours(creator, span)
    hour = local.dt.hour().cast(pl.Float64) + local.dt.minute().cast(pl.Float64) / 60
    is_moment = ((local.dt.weekday() == letters.weekday) & (hour == letters.hour)).to_numpy()
    return span.start + np.flatnonzero(is_moment).astype(np.int64) * QUARTER_HOUR


def launch_time(creator: Creator, launch: Launch, span: Span) -> int:
    """The first moment of the launch's weekday and hour once its part of the span has passed."""
    local = _local_quarter_hours(creator, span)
    hour = local.dt.hour().cast(pl.Float64) + local.dt.minute().cast(pl.Float64) / 60
    is_moment = ((local.dt.weekday() == launch.weekday) & (hour == launch.hour)).to_numpy()
    moments = span.start + np.flatnonzero(is_moment).astype(np.int64) * QUARTER_HOUR
    later = moments[moments >= span.at(launch.at)]
    return int(later[0]) if later.size else span.at(launch.at)


def after(moments: Rows, weights: Weights, span: Span, decay_hours: float) -> Weights:
    """`weights` as they fade after each moment; nothing before the first."""
    quarter_hours = span.start + np.arange(weights.size, dtype=np.int64) * QUARTER_HOUR
    last = np.searchsorted(moments, quarter_hours, side="right") - 1
    since = (quarter_hours - moments[np.maximum(last, 0)]) / (decay_hours * HOUR)
    # A launch does not wait for the morning: half of its audience is elsewhere.
    return np.where(last >= 0, np.exp(-since) * (weights + weights.mean()), 0.0)


def draw_times(rng: np.random.Generator, count: int, weights: Weights, span: Span) -> Rows:
    """`count` moments in the span, in no order, as busy as `weights` (zero weights everywhere: evenly spread)."""
    busy = weights if weights.sum() > 0 else np.ones_like(weights)
    starts = span.start + np.arange(busy.size, dtype=np.int64) * QUARTER_HOUR
    lengths = np.minimum(QUARTER_HOUR, span.end - starts)
    drawn = chances(np.arange(busy.size), busy * lengths).draw(rng, count)
    return starts[drawn] + (rng.random(count) * lengths[drawn]).astype(np.int64)


def _local_quarter_hours(creator: Creator, span: Span) -> pl.Series:
    """Datetime("ms") without a zone: what clocks in the creator's zone show."""
    moments = np.arange(span.start, span.end, QUARTER_HOUR)
    slots = moments // QUARTER_HOUR
    shifts = shifts_of(creator.timezone, SlotRange(int(slots[0]), int(slots[-1]) + 1))
    in_force = np.searchsorted([shift.start for shift in shifts], slots, side="right") - 1
    ahead = np.asarray([shift.slots for shift in shifts])[in_force] * QUARTER_HOUR
    return pl.Series(moments + ahead).cast(pl.Datetime("ms"))
