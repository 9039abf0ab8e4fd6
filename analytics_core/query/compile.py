"""The only writer of analytics SQL: a resolved question and the lake files that answer it, as one Statement.

The handle is an argument of its own and the first condition on every table. Values are bound, never written into the
text; what the text holds comes from the catalog and from this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from analytics_core.engines.base import Scan, Statement, Value
from analytics_core.model import Filter
from analytics_core.query.catalog import DIMENSIONS
from analytics_core.query.parse import MAX_DAYS
from analytics_core.query.resolve import Resolved, Shift, SlotRange, slot_time
from analytics_core.store.facts import FactFiles
from analytics_core.store.lake import Snapshot
from analytics_core.store.schemas import (
    CLICK_COUNTS,
    CLICKS,
    COVERAGE,
    HEAD_RULE,
    SLOT_SECONDS,
    SLOTS_PER_DAY,
    UTC_MICROSECONDS,
    VERDICTS,
)

DAY_COUNTS: Final = pl.Schema({"day": pl.Int64, "clicks": pl.Int64, "bot_clicks": pl.Int64})
KEY_COUNTS: Final = pl.Schema(
    {
        "place": pl.Int64,
        "key": pl.String,
        "clicks": pl.Int64,
        "bot_clicks": pl.Int64,
        "previous_clicks": pl.Int64,
        "previous_bot_clicks": pl.Int64,
    }
)
ALL_KEYS: Final = pl.Schema({"key": pl.String, "clicks": pl.Int64, "bot_clicks": pl.Int64})
FIRST_DAYS: Final = pl.Schema({"dimension": pl.String, "from_day": pl.Date})
EVENTS: Final = pl.Schema(
    {
        "at": UTC_MICROSECONDS,
        "slug": pl.String,
        "campaignId": pl.String,
        "country": pl.String,
        "device": pl.String,
        "bot": pl.Boolean,
        "botRule": pl.String,
        "referrer": pl.String,
        "referrerHost": pl.String,
        "status": pl.Int16,
    }
)

Source = Snapshot | FactFiles  # the roll-ups of a snapshot, or the facts behind them

_ORDER: Final = {"asc": "ASC", "desc": "DESC"}
_DIMENSION_COLUMNS: Final = "slug, campaign_id, country, device, referrer, referrer_host"


class _Bound:
    """The values of a statement, each under a name of its own."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}

    def __call__(self, value: Value) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def compile_days(handle: str, resolved: Resolved, source: Source) -> Statement:
    """Clicks per local day of both periods: `day` counts days since 1970-01-01; days without clicks are not there."""
    bound = _Bound()
    matching, scans = _matching(handle, resolved, source, bound)
    local = f"slot + {_shift(resolved.shifts, bound)}"
    sql = (
        f"WITH matching AS ({matching}), "
        f"local AS (SELECT {local} AS local_slot, clicks, bot_clicks FROM matching) "
        f"SELECT CAST((local_slot - local_slot % {SLOTS_PER_DAY}) / {SLOTS_PER_DAY} AS BIGINT) AS day, "
        "CAST(sum(clicks) AS BIGINT) AS clicks, CAST(sum(bot_clicks) AS BIGINT) AS bot_clicks "
        "FROM local GROUP BY day ORDER BY day"
    )
    return Statement(sql, DAY_COUNTS, bound.values, scans, row_cap=2 * MAX_DAYS)


def compile_keys(handle: str, resolved: Resolved, source: Source) -> Statement:
    """Clicks per key, the first `limit` keys by place; all others add up in one last row.

    Places go by clicks in the asked order, then by key. Keys of the previous period alone have zero clicks.
    """
    bound = _Bound()
    counted, scans = _counted(handle, resolved, source, bound)
    limit = bound(resolved.query.limit)
    sql = (
        f"WITH {counted}, ranked AS (SELECT *, "
        f"row_number() OVER (ORDER BY clicks {_ORDER[resolved.sort]}, key ASC) AS place FROM counted) "
        f"SELECT CAST(least(place, {limit} + 1) AS BIGINT) AS place, max(key) AS key, "
        "CAST(sum(clicks) AS BIGINT) AS clicks, CAST(sum(bot_clicks) AS BIGINT) AS bot_clicks, "
        "CAST(sum(previous_clicks) AS BIGINT) AS previous_clicks, "
        "CAST(sum(previous_bot_clicks) AS BIGINT) AS previous_bot_clicks "
        "FROM ranked GROUP BY 1 ORDER BY 1"
    )
    return Statement(sql, KEY_COUNTS, bound.values, scans, row_cap=resolved.query.limit + 1)


def compile_all_keys(handle: str, resolved: Resolved, source: Source) -> Statement:
    """Clicks per key, every key, in the order of `compile_keys`: for a stream."""
    bound = _Bound()
    counted, scans = _counted(handle, resolved, source, bound)
    sql = (
        f"WITH {counted} SELECT key, CAST(clicks AS BIGINT) AS clicks, CAST(bot_clicks AS BIGINT) AS bot_clicks "
        f"FROM counted ORDER BY clicks {_ORDER[resolved.sort]}, key ASC"
    )
    return Statement(sql, ALL_KEYS, bound.values, scans, row_cap=None)


def compile_events(
    handle: str, filters: Sequence[Filter], covered: SlotRange, as_of: datetime | None, files: FactFiles
) -> Statement:
    """Single clicks in the order of their time, without visitor hashes: for a stream."""
    bound = _Bound()
    judged = _judged(handle, covered, as_of, bound)
    sql = (
        'SELECT judged.at, slug, campaign_id AS "campaignId", country, '
        "coalesce(device, 'UNKNOWN') AS device, bot_clicks = 1 AS bot, bot_rule AS \"botRule\", referrer, "
        'referrer_host AS "referrerHost", status '
        f"FROM ({judged}) AS judged{_where(filters, bound)} ORDER BY judged.at, event_id"
    )
    return Statement(sql, EVENTS, bound.values, _fact_scans(files), row_cap=None)


def compile_first_days(handle: str, snapshot: Snapshot) -> Statement:
    """Since which UTC day the handle's clicks carry each dimension that a log may lack."""
    bound = _Bound()
    sql = (
        "SELECT dimension, min(from_day) AS from_day FROM {coverage} "
        f"WHERE handle = {bound(handle)} GROUP BY dimension ORDER BY dimension"
    )
    return Statement(sql, FIRST_DAYS, bound.values, {"coverage": Scan(COVERAGE, snapshot.coverage)}, row_cap=100)


def _counted(handle: str, resolved: Resolved, source: Source, bound: _Bound) -> tuple[str, Mapping[str, Scan]]:
    """Two named queries, the second of which (`counted`) holds one row a key with the counts of both periods."""
    matching, scans = _matching(handle, resolved, source, bound)
    start = bound(resolved.current.start) if resolved.previous else None
    column, absent = resolved.dimension.columns[0], bound(resolved.dimension.absent)
    sums = ", ".join(
        f"sum({_within(metric, is_current, start)}) AS {prefix}{metric}"
        for is_current, prefix in ((True, ""), (False, "previous_"))
        for metric in ("clicks", "bot_clicks")
    )
    sql = (
        f"matching AS ({matching}), "
        f"summed AS (SELECT {column}, {sums} FROM matching GROUP BY {column}), "
        f"counted AS (SELECT coalesce({column}, {absent}) AS key, clicks, bot_clicks, previous_clicks, "
        "previous_bot_clicks FROM summed)"
    )
    return sql, scans


def _within(metric: str, is_current: bool, start: str | None) -> str:
    """The metric where the row lies in the wanted period, else 0. Without a previous period all rows are current."""
    if start is None:
        return metric if is_current else "0"
    return f"CASE WHEN slot {'>=' if is_current else '<'} {start} THEN {metric} ELSE 0 END"


def _matching(handle: str, resolved: Resolved, source: Source, bound: _Bound) -> tuple[str, Mapping[str, Scan]]:
    """Rows with slot, dimensions, clicks and bot_clicks, of which all that match add up to the answer."""
    filters = resolved.query.filters
    if isinstance(source, FactFiles):
        judged = _judged(handle, resolved.covered, resolved.query.as_of, bound)
        return f"SELECT * FROM ({judged}) AS judged{_where(filters, bound)}", _fact_scans(source)
    scans: dict[str, Scan] = {}
    parts: list[str] = []
    for grain, ranges in resolved.reads.items():
        months = sorted({month for one in ranges for month in one.months})
        scans[grain] = Scan(CLICK_COUNTS, source.count_files(grain, months))
        parts.append(
            f"SELECT slot, {_DIMENSION_COLUMNS}, clicks, bot_clicks FROM {{{grain}}} "
            f"WHERE handle = {bound(handle)} AND {_in_ranges(ranges, bound)}{_and(filters, bound)}"
        )
    return " UNION ALL ".join(parts), scans


def _judged(handle: str, covered: SlotRange, as_of: datetime | None, bound: _Bound) -> str:
    """Single clicks in the columns of the roll-ups, judged by the verdict on their user agent and by their method."""
    rule = f"coalesce(verdict.bot_rule, CASE WHEN click.method = 'HEAD' THEN {bound(HEAD_RULE)} END)"
    learnt = "" if as_of is None else f" AND click.learnt_at <= {bound(as_of)}"
    return (
        f"SELECT CAST(epoch_us(click.at) // {SLOT_SECONDS * 1_000_000} AS BIGINT) AS slot, click.slug, "
        "click.campaign_id, click.country, click.referrer, click.referrer_host, click.at, click.event_id, "
        f"click.status, {rule} AS bot_rule, CASE WHEN {rule} IS NULL THEN verdict.device ELSE 'BOT' END AS device, "
        f"1 AS clicks, CASE WHEN {rule} IS NULL THEN 0 ELSE 1 END AS bot_clicks "
        "FROM {clicks} AS click LEFT JOIN {verdicts} AS verdict ON verdict.user_agent_id = click.user_agent_id "
        f"WHERE click.handle = {bound(handle)} AND click.at >= {bound(slot_time(covered.start))} "
        f"AND click.at < {bound(slot_time(covered.end))}{learnt}"
    )


def _fact_scans(files: FactFiles) -> Mapping[str, Scan]:
    return {"clicks": Scan(CLICKS, files.clicks), "verdicts": Scan(VERDICTS, files.verdicts)}


def _in_ranges(ranges: Sequence[SlotRange], bound: _Bound) -> str:
    """Within one of the ranges. Their outer bounds come first: from those the engine sees what need not be read."""
    outer = SlotRange(min(one.start for one in ranges), max(one.end for one in ranges))
    condition = f"slot >= {bound(outer.start)} AND slot < {bound(outer.end)}"
    if len(ranges) == 1:
        return condition
    inner = " OR ".join(f"(slot >= {bound(one.start)} AND slot < {bound(one.end)})" for one in ranges)
    return f"{condition} AND ({inner})"


def _where(filters: Sequence[Filter], bound: _Bound) -> str:
    return f" WHERE true{_and(filters, bound)}" if filters else ""


def _and(filters: Sequence[Filter], bound: _Bound) -> str:
    return "".join(f" AND {_condition(one, bound)}" for one in filters)


def _condition(one: Filter, bound: _Bound) -> str:
    dimension = DIMENSIONS[one.dimension]
    value = f"coalesce({', '.join(dimension.columns)}, {bound(dimension.absent)})"
    wanted = ", ".join(bound(item) for item in one.values)
    return f"{value} {'NOT IN' if one.exclude else 'IN'} ({wanted})"


def _shift(shifts: Sequence[Shift], bound: _Bound) -> str:
    """How far local time is ahead of UTC at `slot`, in slots."""
    *earlier, last = shifts
    if not earlier:
        return bound(last.slots)
    ends = [shift.start for shift in shifts[1:]]
    cases = " ".join(
        f"WHEN slot < {bound(end)} THEN {bound(shift.slots)}" for shift, end in zip(earlier, ends, strict=True)
    )
    return f"CASE {cases} ELSE {bound(last.slots)} END"
