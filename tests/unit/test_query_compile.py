"""The SQL that is written: the handle always, values never, only the files that matter."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_core.engines.engine import Statement
from analytics_core.model import ConversionDay, Filter, Period, Query, SegmentRules
from analytics_core.query.attribution_sql import (
    Attributions,
    attribution_files,
    compile_conversions,
    compile_currencies,
    compile_pending,
    compile_times,
)
from analytics_core.query.catalog import FILTERS
from analytics_core.query.compile import (
    RollupFiles,
    compile_all_keys,
    compile_buckets,
    compile_events,
    compile_first_days,
    compile_keys,
)
from analytics_core.query.resolve import resolve
from analytics_core.slots import slots_of
from analytics_core.store.fact_files import FactFiles, HistoryFiles
from analytics_core.store.snapshot import Snapshot

PERIOD = Period(date(2026, 2, 1), date(2026, 2, 28))
NOW = datetime(2030, 1, 1, tzinfo=UTC)
WHILE_IT_GOES_ON = datetime(2026, 2, 28, 12, 7, tzinfo=UTC)
MONTHS = ("2025-12", "2026-01", "2026-02", "2026-03")
SNAPSHOT = Snapshot(
    data_version=3,
    list_version="lists-1",
    counts={(grain, month): (f"{grain}-{month}.parquet",) for grain in ("day", "quarter_hour") for month in MONTHS},
    coverage=("coverage.parquet",),
    attributions={month: (f"attributions-{month}.parquet",) for month in MONTHS},
)
FACTS = FactFiles(
    ("clicks.parquet",),
    ("verdicts.parquet",),
    HistoryFiles(SegmentRules(), ("earlier-clicks.parquet",), ("attributions.parquet",)),
)
ROLLUPS = RollupFiles(SNAPSHOT, asks_for_details=False, facts=FactFiles((), ()))
FOLLOWED = Attributions(("attributions.parquet",), ("EUR", "USD"))


def statements(query: Query, now: datetime = NOW) -> list[Statement]:
    grouped = resolve(query, now)
    by_day = resolve(replace(query, group_by="day"), now)
    covered = slots_of(query.period)
    return [
        *(compile_keys(query.handle, grouped, source, FOLLOWED) for source in (ROLLUPS, FACTS)),
        *(compile_all_keys(query.handle, grouped, source, FOLLOWED) for source in (ROLLUPS, FACTS)),
        *(compile_buckets(query.handle, by_day, source, FOLLOWED) for source in (ROLLUPS, FACTS)),
        compile_currencies(query.handle, query, (covered,), FOLLOWED.files),
        compile_times(query.handle, query, covered, FOLLOWED.files),
        compile_conversions(query.handle, query, covered, FOLLOWED.files),
        compile_events(query.handle, query.filters, slots_of(query.period), query.as_of, FACTS),
        compile_pending(query.handle, covered, FOLLOWED.files),
        compile_first_days(query.handle, SNAPSHOT),
    ]


@pytest.mark.parametrize("day", ["conversion", "click"])
@pytest.mark.parametrize("now", [NOW, WHILE_IT_GOES_ON])
def test_the_handle_is_the_first_condition_on_every_table(now: datetime, day: ConversionDay) -> None:
    some = (Filter("country", ("DE",)),)
    for statement in statements(Query("acme", "slug", PERIOD, some, compare="previous", conversion_day=day), now):
        tables = re.findall(r"\{(?!verdicts)\w+\}", statement.sql)
        first = re.findall(
            r"\{\w+\}(?: AS click LEFT JOIN \{verdicts\}[^W]+| AS link| AS event)? WHERE (?:\w+\.)?handle = (\$\w+)",
            statement.sql,
        )
        assert len(first) == len(tables) >= 1
        assert {statement.values[name.removeprefix("$")] for name in first} == {"acme"}


@settings(deadline=None)
@given(
    name=st.sampled_from(list(FILTERS)),
    value=st.text(min_size=4).map(lambda text: f"'; DROP {text}"),
    exclude=st.booleans(),
)
def test_no_value_is_written_into_the_text(name: str, value: str, exclude: bool) -> None:
    plain = statements(Query("acme", "slug", PERIOD, (Filter(name, ("DE",), exclude),)))
    hostile = statements(Query("o'brien{coverage}", "slug", PERIOD, (Filter(name, (value,), exclude),)))
    assert [one.sql for one in plain] == [one.sql for one in hostile]
    assert all(FILTERS[name].compared(value) in one.values.values() for one in hostile[:-2])


@pytest.mark.parametrize(
    ("timezone", "filters", "files"),
    [
        ("UTC", (), {"day-2026-02.parquet"}),
        ("Asia/Kolkata", (), {"day-2026-02.parquet", "quarter_hour-2026-01.parquet", "quarter_hour-2026-02.parquet"}),
        ("UTC", (Filter("referrerHost", ("x.com",)),), {"quarter_hour-2026-02.parquet"}),
    ],
)
def test_only_the_files_of_the_period_are_read(timezone: str, filters: tuple[Filter, ...], files: set[str]) -> None:
    query = Query("acme", "country", Period(PERIOD.from_day, PERIOD.to_day, timezone), filters)
    statement = compile_keys("acme", resolve(query, NOW), ROLLUPS)
    assert {file for scan in statement.scans.values() for file in scan.files} == files


def test_every_answer_has_a_row_cap_and_only_streams_have_none() -> None:
    caps = [statement.row_cap for statement in statements(Query("acme", "slug", PERIOD, limit=10))]
    assert caps == [11, 11, None, None, 2_200, 2_200, 1_000, 1, None, None, 1, 100]


def test_of_what_followed_only_the_files_that_can_count_are_read() -> None:
    covered = slots_of(PERIOD)
    on_their_day = attribution_files(SNAPSHOT, covered, "conversion")
    on_the_day_of_their_click = attribution_files(SNAPSHOT, covered, "click")
    assert on_their_day == ("attributions-2026-02.parquet",)
    assert on_the_day_of_their_click == tuple(f"attributions-2026-0{month}.parquet" for month in (1, 2, 3))


def test_where_nothing_followed_the_statement_asks_for_clicks_alone() -> None:
    statement = compile_keys("acme", resolve(Query("acme", "slug", PERIOD), NOW), ROLLUPS)
    assert "attributions" not in statement.sql
    assert list(statement.schema) == ["place", "key", "clicks", "bot_clicks", "previous_clicks", "previous_bot_clicks"]
