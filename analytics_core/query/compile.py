"""Analytics SQL: a resolved question and the lake files that answer it, as one Statement.

SQL is put together here and in the modules beside it: conditions, click_sql, attribution_sql, detail_sql and
event_columns. Two expressions that ingest has in Polars stand beside those, in `slots.py` and
`store/request_rules.py`. The handle is an argument of its own and the first condition on every table. Values are bound,
never written into the text; what the text holds comes from the catalog and from these files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from analytics_core.dimensions import CUBE_COLUMNS, DETAIL_COLUMNS
from analytics_core.engines.engine import Scan, Statement
from analytics_core.model import Filter
from analytics_core.query.attribution_sql import (
    NO_ATTRIBUTIONS,
    Attributions,
    attribution_rows,
    no_attribution_rows,
    sql_type,
)
from analytics_core.query.click_sql import fact_scans, single_clicks
from analytics_core.query.conditions import DIMENSION_COLUMNS, Bound, and_filters, in_ranges, shift, where
from analytics_core.query.detail_sql import detail_columns
from analytics_core.query.event_columns import CLICK_COLUMNS, schema_of, selected
from analytics_core.query.parse import MAX_DAYS, MAX_DAYS_OF_HOURS
from analytics_core.query.resolve import DAY_GRAIN, SINGLE_CLICKS, Resolved
from analytics_core.query.time_keys import HOURS_PER_WEEK, SLOTS_PER_HOUR, Unit
from analytics_core.slots import SLOTS_PER_DAY, SlotRange
from analytics_core.store.fact_files import FactFiles
from analytics_core.store.lake_tables import CLICK_COUNTS, COVERAGE, DETAIL
from analytics_core.store.snapshot import Snapshot

FIRST_DAYS: Final = pl.Schema({"dimension": pl.String, "from_day": pl.Date})


@dataclass(frozen=True, slots=True)
class RollupFiles:
    """The roll-ups of a snapshot: its cube, or, when the question `asks_for_details`, whole UTC days of the detail
    grain. What they cannot tell comes from the clicks of `facts`."""

    snapshot: Snapshot
    asks_for_details: bool
    facts: FactFiles


Source = RollupFiles | FactFiles

# The cube's columns, and in those of the detail grain, which its files do not hold, nothing.
_CUBE_ROW: Final = ", ".join((*CUBE_COLUMNS, *(f"CAST(NULL AS VARCHAR) AS {name}" for name in DETAIL_COLUMNS)))
_ORDER: Final = {"asc": "ASC", "desc": "DESC"}
_LOCAL_DAY: Final = f"(local_slot - local_slot % {SLOTS_PER_DAY}) / {SLOTS_PER_DAY}"
_LOCAL_HOUR: Final = f"(local_slot - local_slot % {SLOTS_PER_HOUR}) / {SLOTS_PER_HOUR}"
# What the engine groups by, and how many numbers that gives at most, both periods together.
_UNITS: Final[Mapping[Unit, tuple[str, int]]] = {
    "quarter_hour": ("slot", 2 * (MAX_DAYS_OF_HOURS + 1) * SLOTS_PER_DAY),
    "local_day": (_LOCAL_DAY, 2 * MAX_DAYS),
    "hour_of_week": (f"{_LOCAL_HOUR} % {HOURS_PER_WEEK}", HOURS_PER_WEEK),
}


def compile_buckets(
    handle: str, resolved: Resolved, source: Source, attributions: Attributions = NO_ATTRIBUTIONS
) -> Statement:
    """Counts of both periods per `number` of the buckets' unit; numbers without any are not there."""
    assert resolved.buckets is not None
    bound = Bound()
    matching, scans = _matching(handle, resolved, source, attributions, bound)
    number, row_cap = _UNITS[resolved.buckets.unit]
    local_slot = f"slot + {shift(resolved.shifts, bound)}" if "local_slot" in number else "slot"
    measures, sums = _of_periods(resolved, attributions, bound)
    if resolved.previous is None:
        measures = attributions.measures
    summed = ", ".join(
        f"CAST(coalesce(sum({sums[name]}), 0) AS {sql_type(kind)}) AS {name}" for name, kind in measures.items()
    )
    sql = (
        f"WITH matching AS ({matching}), local AS (SELECT *, {local_slot} AS local_slot FROM matching) "
        f"SELECT CAST({number} AS BIGINT) AS number, {summed} FROM local GROUP BY number ORDER BY number"
    )
    return Statement(sql, pl.Schema({"number": pl.Int64, **measures}), bound.values, scans, row_cap=row_cap)


def compile_keys(
    handle: str, resolved: Resolved, source: Source, attributions: Attributions = NO_ATTRIBUTIONS
) -> Statement:
    """Counts per key, the first `limit` keys by place; all others add up in one last row.

    Places go by clicks in the asked order, then by key. Keys of the previous period alone, and those that only
    something else than a click is counted under, have zero clicks.
    """
    bound = Bound()
    counted, scans = _counted(handle, resolved, source, attributions, bound)
    limit = bound(resolved.query.limit)
    measures = attributions.measures | {f"previous_{name}": kind for name, kind in attributions.measures.items()}
    sql = (
        f"WITH {counted}, ranked AS (SELECT *, "
        f"row_number() OVER (ORDER BY clicks {_ORDER[resolved.sort]}, key ASC) AS place FROM counted) "
        f"SELECT CAST(least(place, {limit} + 1) AS BIGINT) AS place, max(key) AS key, {_sums(measures)} "
        "FROM ranked GROUP BY 1 ORDER BY 1"
    )
    schema = pl.Schema({"place": pl.Int64, "key": pl.String} | measures)
    return Statement(sql, schema, bound.values, scans, row_cap=resolved.query.limit + 1)


def compile_all_keys(
    handle: str, resolved: Resolved, source: Source, attributions: Attributions = NO_ATTRIBUTIONS
) -> Statement:
    """Counts per key, every key, in the order of `compile_keys`: for a stream."""
    bound = Bound()
    counted, scans = _counted(handle, resolved, source, attributions, bound)
    measures = attributions.measures
    columns = ", ".join(f"CAST({name} AS {sql_type(kind)}) AS {name}" for name, kind in measures.items())
    sql = f"WITH {counted} SELECT key, {columns} FROM counted ORDER BY clicks {_ORDER[resolved.sort]}, key ASC"
    return Statement(sql, pl.Schema({"key": pl.String} | measures), bound.values, scans, row_cap=None)


def compile_events(
    handle: str, filters: Sequence[Filter], covered: SlotRange, as_of: datetime | None, files: FactFiles
) -> Statement:
    """Single clicks in the order of their time, without visitor hashes: for a stream."""
    bound = Bound()
    single = single_clicks(handle, covered, as_of, files, bound)
    sql = (
        f"SELECT {selected(CLICK_COLUMNS)} FROM ({single}) AS events{where(filters, bound)} "
        "ORDER BY events.at, event_id"
    )
    return Statement(sql, schema_of(CLICK_COLUMNS), bound.values, fact_scans(files), row_cap=None)


def compile_first_days(handle: str, snapshot: Snapshot) -> Statement:
    """Since which UTC day the handle's clicks carry each dimension that a log may lack."""
    bound = Bound()
    sql = (
        "SELECT dimension, min(from_day) AS from_day FROM {coverage} "
        f"WHERE handle = {bound(handle)} GROUP BY dimension ORDER BY dimension"
    )
    return Statement(sql, FIRST_DAYS, bound.values, {"coverage": Scan(COVERAGE, snapshot.coverage)}, row_cap=100)


def _counted(
    handle: str, resolved: Resolved, source: Source, attributions: Attributions, bound: Bound
) -> tuple[str, Mapping[str, Scan]]:
    """Two named queries, the second of which (`counted`) holds one row a key with the counts of both periods.

    Keys whose rows took one another back altogether are not there.
    """
    matching, scans = _matching(handle, resolved, source, attributions, bound)
    column, absent = resolved.dimension.column, bound(resolved.dimension.absent)
    _, sums = _of_periods(resolved, attributions, bound)
    summed = ", ".join(f"sum({sql}) AS {name}" for name, sql in sums.items())
    together = ", ".join(f"sum({name}) AS {name}" for name in sums)  # a value may be spelled like the absent one
    counts = " OR ".join(f"{name} <> 0" for name in sums if not name.removeprefix("previous_").startswith("revenue"))
    sql = (
        f"matching AS ({matching}), "
        f"summed AS (SELECT {column}, {summed} FROM matching GROUP BY {column}), "
        f"named AS (SELECT coalesce({column}, {absent}) AS key, {together} FROM summed GROUP BY 1), "
        f"counted AS (SELECT * FROM named WHERE {counts})"
    )
    return sql, scans


def _sums(measures: Mapping[str, object]) -> str:
    return ", ".join(f"CAST(coalesce(sum({name}), 0) AS {sql_type(kind)}) AS {name}" for name, kind in measures.items())


def _of_periods(
    resolved: Resolved, attributions: Attributions, bound: Bound
) -> tuple[Mapping[str, pl.DataType | type[pl.DataType]], Mapping[str, str]]:
    """The measures of both periods by name: their types, and what is added up for them. A row counts in each period
    that its slot lies in, and in one that ends within a quarter hour if it was `before_end`; without a previous period
    there is nothing in it."""
    current, previous = resolved.current, resolved.previous
    if previous is None:
        conditions = {"": None, "previous_": "false"}
    elif previous.end == current.start:
        start = bound(current.start)
        conditions = {"": f"slot >= {start}", "previous_": f"slot < {start}"}
    else:
        conditions = {"": in_ranges((current,), bound), "previous_": in_ranges((previous,), bound)}
    if resolved.previous_until is not None:
        conditions["previous_"] = f"{conditions['previous_']} AND before_end"
    measures: dict[str, pl.DataType | type[pl.DataType]] = {}
    sums: dict[str, str] = {}
    for prefix, condition in conditions.items():
        for name, kind in attributions.measures.items():
            measures[f"{prefix}{name}"] = kind
            sums[f"{prefix}{name}"] = name if condition is None else f"CASE WHEN {condition} THEN {name} ELSE 0 END"
    return measures, sums


def _matching(
    handle: str, resolved: Resolved, source: Source, attributions: Attributions, bound: Bound
) -> tuple[str, Mapping[str, Scan]]:
    """Rows with slot, dimensions and measures, of which all that match add up to the answer. `before_end` is among
    them where the earlier period ends within a quarter hour."""
    clicks, scans = _clicks(handle, resolved, source, attributions, bound)
    if not attributions.files:
        return clicks, scans
    after = attribution_rows(handle, resolved.query, resolved.ranges, attributions, bound)
    columns = f"* EXCLUDE (counts_at){_before_end(resolved, 'counts_at', bound)}"
    return f"{clicks} UNION ALL SELECT {columns} FROM ({after}) AS attributed", {**scans, **attributions.scans}


def _clicks(
    handle: str, resolved: Resolved, source: Source, attributions: Attributions, bound: Bound
) -> tuple[str, Mapping[str, Scan]]:
    filters = resolved.query.filters
    columns = f"slot, {DIMENSION_COLUMNS}, clicks, bot_clicks{no_attribution_rows(attributions)}"
    before_end = _before_end(resolved, "found.at", bound)
    if isinstance(source, FactFiles):
        single = single_clicks(handle, resolved.covered, resolved.query.as_of, source, bound)
        within = f" WHERE {in_ranges(resolved.ranges, bound)}{and_filters(filters, bound)}"
        return f"SELECT {columns}{before_end} FROM ({single}) AS found{within}", fact_scans(source)
    scans: dict[str, Scan] = {}
    parts: list[str] = []
    for grain, ranges in resolved.reads.items():
        if _is_of_facts(grain, source):
            rows, of_rows = _of_facts(handle, ranges, source.facts, bound)
            end = before_end
        else:
            rows, of_rows = _of_rollup(handle, grain, ranges, source, bound)
            end = before_end and ", true AS before_end"  # what is not is read from the facts
        scans |= of_rows
        parts.append(f"SELECT {columns}{end} FROM ({rows}) AS found{where(filters, bound)}")
    return " UNION ALL ".join(parts), scans


def _is_of_facts(grain: str, source: RollupFiles) -> bool:
    return grain == SINGLE_CLICKS or (source.asks_for_details and grain != DAY_GRAIN)


def _of_facts(
    handle: str, ranges: Sequence[SlotRange], facts: FactFiles, bound: Bound
) -> tuple[str, Mapping[str, Scan]]:
    outer = SlotRange(min(one.start for one in ranges), max(one.end for one in ranges))
    single = single_clicks(handle, outer, None, facts, bound)
    return f"SELECT * FROM ({single}) AS single_clicks WHERE {in_ranges(ranges, bound)}", fact_scans(facts)


def _of_rollup(
    handle: str, grain: str, ranges: Sequence[SlotRange], source: RollupFiles, bound: Bound
) -> tuple[str, Mapping[str, Scan]]:
    """The rows of some ranges: of a grain of the cube, or of the detail grain, which has whole days."""
    name, columns = (DETAIL, detail_columns()) if source.asks_for_details else (grain, _CUBE_ROW)
    months = sorted({month for one in ranges for month in one.months})
    sql = (
        f"SELECT slot, {columns}, clicks, bot_clicks FROM {{{name}}} "
        f"WHERE handle = {bound(handle)} AND {in_ranges(ranges, bound)}"
    )
    return sql, {name: Scan(CLICK_COUNTS, source.snapshot.count_files(name, months))}


def _before_end(resolved: Resolved, moment: str, bound: Bound) -> str:
    """A column more for single rows where the earlier period ends within a quarter hour: whether it holds them yet."""
    previous, until = resolved.previous, resolved.previous_until
    if previous is None or until is None:
        return ""
    return f", (slot < {bound(previous.end - 1)} OR {moment} < {bound(until)}) AS before_end"
