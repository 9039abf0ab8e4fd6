"""Latency of every breakdown, for a small, a middle and the largest handle, on lakes of different size."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from analytics_core.access.actors import Actor
from analytics_core.access.policy import Policy
from analytics_core.engines.duckdb import DuckDBEngine
from analytics_core.model import Period, Query, SegmentRules
from analytics_core.query.catalog import GROUPINGS
from analytics_core.service import Analytics
from analytics_core.store.account_lookup import Accounts
from analytics_core.store.horizon import Horizon
from analytics_core.store.outcomes import Outcomes
from analytics_core.store.syncs import Syncs
from benchmarks.lakes import END, HANDLES, RANKS, build_lake, handle_name
from benchmarks.report import machine, note, table

SIZES = dict(zip(("largest", "middle", "small"), RANKS, strict=True))
DAYS = (7, 30, 90, 365)
ROUNDS = 15


def run(folder: Path, clicks: tuple[int, ...]) -> None:
    print(f"### Queries\n\n{machine()} {ROUNDS} rounds of each question; milliseconds.\n")
    middle: dict[int, float] = {}
    for size in clicks:
        rows, middle[size] = _measure(folder / f"lake-{size}", size)
        print(f"{size:,} clicks, {HANDLES:,} handles:\n")
        table(["handle", "days", "zone", *(f"{name} p50 / p95" for name in GROUPINGS)], rows)
    if len(middle) > 1:
        small, large = min(middle), max(middle)
        grown = middle[large] / middle[small]
        print(f"A middle handle's 90 days, {small:,} to {large:,} clicks: {grown:.2f} × (mean p50 of breakdowns).\n")


def _measure(folder: Path, clicks: int) -> tuple[list[list[str]], float]:
    lake, database = build_lake(folder, clicks)
    policy = Policy(Accounts(database))
    engine = DuckDBEngine(memory_megabytes=1_024, seconds=60, file_cache=None)
    analytics = Analytics(
        lake=lake,
        engine=engine,
        policy=policy,
        syncs=Syncs(database),
        outcomes=Outcomes(database),
        horizon=Horizon(database),
        sla_minutes=60,
        ctx_ttl=timedelta(minutes=15),
        segment_rules=SegmentRules(),
        clock=lambda: END,
    )
    rows: list[list[str]] = []
    medians: list[float] = []
    for size, rank in SIZES.items():
        for days in DAYS:
            for zone in ("UTC", "Europe/Berlin") if days == 90 else ("UTC",):
                to_day = (END - timedelta(days=1)).date()
                period = Period(to_day - timedelta(days=days - 1), to_day, zone)
                query = Query(handle_name(rank), "day", period)
                cells: list[str] = []
                for group_by in GROUPINGS:
                    times = _times(analytics, replace(query, group_by=group_by))
                    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
                    cells.append(f"{p50:.1f} / {p95:.1f}")
                    if (size, days, zone) == ("middle", 90, "UTC"):
                        medians.append(p50)
                rows.append([size, str(days), zone, *cells])
                note(f"{clicks:,} {size} {days} {zone}: {cells}")
    analytics.close()
    return rows, statistics.mean(medians)


def _times(analytics: Analytics, query: Query) -> list[float]:
    actor = Actor("bench", is_staff=True)
    analytics.run(query, actor)
    times: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        analytics.run(query, actor)
        times.append((time.perf_counter() - started) * 1_000)
    return times
