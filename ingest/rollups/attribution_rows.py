"""Conversions and intent signals in the dimensions of their click: the rows of ATTRIBUTIONS, and who links to whom.

Pure functions of frames.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from analytics_core.dimensions import TAKEN_FROM_CLICKS
from analytics_core.metrics import sums_of
from analytics_core.model import INTENT, PENDING
from analytics_core.slots import slot_column, time_column
from analytics_core.store.lake_tables import ATTRIBUTIONS, MONEY, UTC_MICROSECONDS
from ingest.rollups.visitor_segments import CLICK_KEYS, LINK_COLUMNS, UNKNOWN

# What an event is before it is known what its click was.
EVENT_COLUMNS: Final = {
    name: kind
    for name, kind in ATTRIBUTIONS.columns.items()
    if name not in (*TAKEN_FROM_CLICKS, "segment", "visitor", "month")
}
_SECONDS: Final = (pl.col("at") - pl.col("clicked_at")).dt.total_seconds()
# What must be known of a click that an event names. `visitor` is null for bots.
KNOWN_COLUMNS: Final = ("handle", "event_id", "at", "visitor", *TAKEN_FROM_CLICKS, "learnt_at")
# The UTC day on which the click of an event happened, as its ctx says. The log may say the day before or after: clocks
# differ, and a request takes its time. A click that is farther off is not the one that the ctx names.
CTX_DAY: Final = time_column("click_slot").dt.date()
CTX_DAYS_OFF: Final = (-1, 0, 1)
_COUNTS: Final = sums_of("attributions")
_SUMS: Final = [*_COUNTS, *sums_of("attributions", "money")]


def conversion_events(conversions: pl.LazyFrame) -> pl.LazyFrame:
    """CONVERSIONS rows as EVENT_COLUMNS."""
    return conversions.select(
        "handle",
        "slug",
        "at",
        "click_event_id",
        "event_type",
        "currency",
        "consent",
        "learnt_at",
        slot=slot_column("at"),
        click_slot=slot_column("clicked_at"),
        event_id="conversion_id",
        confidence=pl.lit(None, dtype=pl.Float64),
        seconds=_SECONDS,
        conversions=pl.lit(1, dtype=pl.Int64),
        impressions=pl.lit(0, dtype=pl.Int64),
        revenue=pl.col("value"),
    ).select(list(EVENT_COLUMNS))


def impression_events(signals: pl.LazyFrame) -> pl.LazyFrame:
    """The intent signals among SIGNALS rows as EVENT_COLUMNS."""
    return (
        signals.filter(pl.col("signal_key") == INTENT)
        .select(
            "handle",
            "slug",
            "at",
            "click_event_id",
            "confidence",
            "consent",
            "learnt_at",
            slot=slot_column("at"),
            click_slot=slot_column("clicked_at"),
            event_id="signal_id",
            event_type=pl.lit(None, dtype=pl.String),
            currency=pl.lit(None, dtype=pl.String),
            seconds=_SECONDS,
            conversions=pl.lit(0, dtype=pl.Int64),
            impressions=pl.lit(1, dtype=pl.Int64),
            revenue=pl.lit(0, dtype=MONEY),
        )
        .select(list(EVENT_COLUMNS))
    )


def attribute(events: pl.DataFrame, clicks: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """ATTRIBUTIONS rows of events (EVENT_COLUMNS).

    `clicks`: KNOWN_COLUMNS of every known click that an event names; `segments`: SEGMENT_COLUMNS of those with a
    visitor. An event whose click is not among them is pending; one that names no click has no dimensions.
    """
    of_these = segments.join(clicks, on=CLICK_KEYS, how="semi")  # there are many more segments than clicks
    of_events = _clicks_of(events, clicks.join(of_these, on=CLICK_KEYS, how="left"))
    joined = events.join(of_events, on=["handle", "event_id"], how="left")
    is_pending = pl.col("click_event_id").is_not_null() & pl.col("click_learnt_at").is_null()
    return _in_columns(
        joined.with_columns(
            pl.when(is_pending).then(pl.lit(PENDING)).otherwise(pl.col(name)).alias(name) for name in TAKEN_FROM_CLICKS
        ).with_columns(
            segment=pl.when(is_pending).then(pl.lit(PENDING)).otherwise(pl.col("segment").fill_null(UNKNOWN)),
            visitor=pl.when(pl.col("consent").is_null() | (pl.col("consent") != "denied")).then("visitor"),
            learnt_at=pl.max_horizontal("learnt_at", "click_learnt_at"),
        )
    )


def resolve(pending: pl.DataFrame, clicks: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """What moves pending rows to their clicks (KNOWN_COLUMNS), those that have become known."""
    arrived = pending.join(_clicks_of(pending, clicks), on=["handle", "event_id"], how="semi")
    rows = attribute(arrived.select(list(EVENT_COLUMNS)), clicks, segments)
    learnt = rows.select("handle", "event_id", "learnt_at")
    back = _taken_back(arrived).drop("learnt_at").join(learnt, on=["handle", "event_id"], how="left")
    return pl.concat([back.select(rows.columns), rows])


def in_force(attributions: pl.LazyFrame) -> pl.DataFrame:
    """The ATTRIBUTIONS rows in force, with the newest learnt_at: what a later row took back is gone."""
    rows = attributions.collect(engine="streaming")
    keys = [name for name in ATTRIBUTIONS.columns if name not in (*_SUMS, "learnt_at")]
    sums = rows.group_by(keys).agg(pl.col(_SUMS).sum(), pl.col("learnt_at").max())
    return _in_columns(sums.filter(pl.any_horizontal(pl.col(_COUNTS) != 0)))


def resegment(rows: pl.DataFrame, moved: pl.DataFrame, learnt_at: pl.Series) -> pl.DataFrame:
    """What moves rows in force to the segments that their clicks have now; `moved`: handle, event_id, at, learnt_at and
    segment of clicks; `learnt_at`: when the facts were learnt that moved them."""
    known = rows.filter(pl.col("segment") != PENDING)
    now = _clicks_of(known, moved.select("handle", "event_id", "at", "learnt_at", now="segment"))
    before = known.join(now.drop("click_learnt_at"), on=["handle", "event_id"], how="inner").with_columns(
        learnt_at=pl.lit(learnt_at.max(), dtype=UTC_MICROSECONDS)
    )
    after = before.with_columns(segment="now")
    return pl.concat([_taken_back(before), after]).drop("now")


def links_of(attributions: pl.LazyFrame) -> pl.DataFrame:
    """LINK_COLUMNS of every event whose visitor was ever known."""
    return (
        attributions.filter(pl.col("visitor").is_not_null() & (pl.col("conversions") + pl.col("impressions") > 0))
        .select("event_id", "visitor", "at", "click_event_id", "confidence", is_conversion=pl.col("conversions") > 0)
        .unique("event_id")
        .select(list(LINK_COLUMNS))
        .collect(engine="streaming")
    )


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """ATTRIBUTIONS rows in the order in which files keep them."""
    return rows.sort("month", "handle", "slot")


def _clicks_of(events: pl.DataFrame, clicks: pl.DataFrame) -> pl.DataFrame:
    """The click that each event names, if it is among these: handle and event_id of the event, `click_learnt_at`, and
    the other columns of the click. Of several with one request id the one that was learnt first, whenever the event
    comes."""
    named = clicks.rename({"event_id": "click_event_id", "at": "logged_at", "learnt_at": "click_learnt_at"})
    days_off = (pl.col("logged_at").dt.date() - CTX_DAY).dt.total_days()
    return (
        events.select("handle", "event_id", "click_event_id", "click_slot")
        .join(named, on=["handle", "click_event_id"], how="inner")
        .filter(days_off.is_in(CTX_DAYS_OFF))
        .sort("click_learnt_at", "logged_at")
        .unique(["handle", "event_id"], keep="first")
        .drop("click_event_id", "click_slot", "logged_at")
    )


def _taken_back(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(-pl.col(name) for name in _SUMS)


def _in_columns(rows: pl.DataFrame) -> pl.DataFrame:
    month = time_column("slot").dt.strftime("%Y-%m")
    return rows.with_columns(month=month).select(list(ATTRIBUTIONS.columns))
