"""What came of clicks, as SQL: conversions, revenue and impressions beside the clicks' own counts.

A conversion is joined to its click before anybody asks, by `ingest/rollups/attribution_rows.py`: here its rows are only
read. Rows of the lake add up: one that takes another back has negative numbers. Where a single event counts, its rows
are added up first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from analytics_core.engines.engine import Scan, Statement
from analytics_core.metrics import sums_of
from analytics_core.model import PENDING, ConversionDay, Filter, Query
from analytics_core.query.conditions import DIMENSION_COLUMNS, Bound, and_filters, in_ranges
from analytics_core.query.event_columns import CONVERSION_COLUMNS, schema_of, selected
from analytics_core.slots import SLOTS_PER_DAY, SlotRange, slot_time
from analytics_core.store.lake_tables import ATTRIBUTIONS, MONEY
from analytics_core.store.snapshot import Snapshot

CURRENCIES: Final = pl.Schema({"currency": pl.String, "has_money": pl.Boolean})
TIMES: Final = pl.Schema({"median_seconds": pl.Int64, "p90_seconds": pl.Int64, "pending": pl.Int64})
PENDING_COUNT: Final = pl.Schema({"pending": pl.Int64})

_MOST_CURRENCIES: Final = 1_000
_CLICK_COUNTS: Final = sums_of("clicks")
_COUNTS: Final = sums_of("attributions")


@dataclass(frozen=True, slots=True)
class Attributions:
    """What came of the clicks of a question: the files that say it, and the currencies that its money is in.

    Without files nothing came of the clicks, and statements are those of clicks alone.
    """

    files: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()

    @property
    def measures(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """The columns that are added up."""
        counts: dict[str, pl.DataType | type[pl.DataType]] = dict.fromkeys(_CLICK_COUNTS, pl.Int64)
        if not self.files:
            return counts
        more = dict.fromkeys(_COUNTS, pl.Int64)
        return counts | more | {revenue_column(place): MONEY for place in range(len(self.currencies))}

    @property
    def scans(self) -> Mapping[str, Scan]:
        return {"attributions": Scan(ATTRIBUTIONS, self.files)} if self.files else {}


NO_ATTRIBUTIONS: Final = Attributions()


def revenue_column(place: int) -> str:
    """The column with the money in the currency at this place."""
    return f"revenue_{place}"


def sql_type(kind: object) -> str:
    return "DECIMAL(38, 4)" if kind == MONEY else "BIGINT"


def attribution_files(snapshot: Snapshot, covered: SlotRange, day: ConversionDay) -> tuple[str, ...]:
    """The files with what counts in the range. What counts on the day of its click may have happened any time after,
    or, as two clocks differ, a little before."""
    if not snapshot.attributions:
        return ()
    if day == "click":
        return snapshot.attribution_files(f"{slot_time(covered.start - SLOTS_PER_DAY):%Y-%m}")
    months = covered.months
    return snapshot.attribution_files(months[0], months[-1]) if months else ()


def compile_currencies(handle: str, query: Query, ranges: Sequence[SlotRange], files: tuple[str, ...]) -> Statement:
    """The currencies of the question (null: what has none); no row at all where nothing came of clicks."""
    bound = Bound()
    sql = (
        "SELECT currency, sum(revenue) <> 0 AS has_money "
        f"FROM ({_events(handle, query, ranges, bound)}) AS events GROUP BY currency "
        f"HAVING {' OR '.join(f'sum({name}) <> 0' for name in _COUNTS)} ORDER BY currency"
    )
    return Statement(sql, CURRENCIES, bound.values, Attributions(files).scans, row_cap=_MOST_CURRENCIES)


def attribution_rows(
    handle: str, query: Query, ranges: Sequence[SlotRange], attributions: Attributions, bound: Bound
) -> str:
    """Rows in the columns slot, dimensions, measures and `counts_at`, without any clicks."""
    amounts = "".join(
        f", CASE WHEN currency = {bound(code)} THEN revenue ELSE 0 END AS {revenue_column(place)}"
        for place, code in enumerate(attributions.currencies)
    )
    return (
        f"SELECT slot, {DIMENSION_COLUMNS}, {', '.join(f'0 AS {name}' for name in _CLICK_COUNTS)}, "
        f"{', '.join(_COUNTS)}{amounts}, counts_at "
        f"FROM ({_events(handle, query, ranges, bound)}) AS events"
    )


def no_attribution_rows(attributions: Attributions) -> str:
    """The measures of `attribution_rows` for rows of clicks."""
    names = (name for name in attributions.measures if name not in _CLICK_COUNTS)
    return "".join(f", CAST(0 AS {sql_type(attributions.measures[name])}) AS {name}" for name in names)


def compile_times(handle: str, query: Query, current: SlotRange, files: tuple[str, ...]) -> Statement:
    """One row: within how many seconds half, and nine tenths, of the conversions followed their click (null without
    any), and how many of them are pending."""
    bound = Bound()
    sql = (
        f"WITH events AS ({_events(handle, query, (current,), bound)}), "
        "lengths AS (SELECT seconds, sum(conversions) AS many FROM events WHERE seconds IS NOT NULL "
        "GROUP BY seconds HAVING sum(conversions) > 0), "
        "ordered AS (SELECT seconds, sum(many) OVER (ORDER BY seconds) AS so_far, sum(many) OVER () AS whole "
        "FROM lengths) "
        "SELECT (SELECT min(seconds) FROM ordered WHERE so_far * 2 >= whole) AS median_seconds, "
        "(SELECT min(seconds) FROM ordered WHERE so_far * 10 >= whole * 9) AS p90_seconds, "
        f"(SELECT CAST(coalesce(sum(conversions), 0) AS BIGINT) FROM events "
        f"WHERE segment = {bound(PENDING)}) AS pending"
    )
    return Statement(sql, TIMES, bound.values, Attributions(files).scans, row_cap=1)


def compile_conversions(
    handle: str,
    query: Query,
    covered: SlotRange,
    files: tuple[str, ...],
) -> Statement:
    """Single conversions in the order of their time: for a stream."""
    bound = Bound()
    names = f"{DIMENSION_COLUMNS}, events.at, event_id, event_type, seconds, currency"
    sql = (
        f"SELECT {selected(CONVERSION_COLUMNS)} "
        f"FROM ({_events(handle, query, (covered,), bound)}) AS events WHERE event_type IS NOT NULL "
        f"GROUP BY {names} HAVING sum(conversions) > 0 ORDER BY events.at, event_id"
    )
    return Statement(sql, schema_of(CONVERSION_COLUMNS), bound.values, Attributions(files).scans, row_cap=None)


def compile_pending(handle: str, days: SlotRange, files: tuple[str, ...]) -> Statement:
    """How many conversions of whole UTC days wait for the log line of their click."""
    bound = Bound()
    waiting = _in_force(handle, None, (days,), (), bound)
    sql = (
        "SELECT CAST(coalesce(sum(conversions), 0) AS BIGINT) AS pending "
        f"FROM ({waiting}) AS events WHERE segment = {bound(PENDING)}"
    )
    return Statement(sql, PENDING_COUNT, bound.values, Attributions(files).scans, row_cap=1)


def _events(handle: str, query: Query, ranges: Sequence[SlotRange], bound: Bound) -> str:
    """What counts in the range by the question, impressions only where it shows them. `slot` says when it counts, and
    `counts_at` to the second."""
    shown = "" if query.shows_impressions else " AND conversions <> 0"
    if query.conversion_day == "conversion":
        return _in_force(handle, query.as_of, ranges, query.filters, bound) + shown
    slot = "coalesce(click_slot, slot)"
    counts_at = "event.at - to_seconds(coalesce(seconds, 0))"
    return (
        f"SELECT * REPLACE ({slot} AS slot), {counts_at} AS counts_at FROM {{attributions}} AS event "
        f"WHERE event.handle = {bound(handle)} AND slot >= {bound(min(one.start for one in ranges) - SLOTS_PER_DAY)} "
        f"AND {in_ranges(ranges, bound, slot)}"
        f"{_known(query.as_of, bound)}{and_filters(query.filters, bound)}{shown}"
    )


def _in_force(
    handle: str, as_of: datetime | None, ranges: Sequence[SlotRange], filters: Sequence[Filter], bound: Bound
) -> str:
    return (
        f"SELECT *, event.at AS counts_at FROM {{attributions}} AS event WHERE event.handle = {bound(handle)} "
        f"AND {in_ranges(ranges, bound)}"
        f"{_known(as_of, bound)}{and_filters(filters, bound)}"
    )


def _known(as_of: datetime | None, bound: Bound) -> str:
    return "" if as_of is None else f" AND learnt_at <= {bound(as_of)}"
