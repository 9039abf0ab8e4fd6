"""What the commits in a table's log cost who opens the table and who commits to it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
from deltalake import Transaction

from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICK_COUNTS
from benchmarks.report import machine, note, table

TRIES = 11


def run(folder: Path, commits: Sequence[int]) -> None:
    """Tables whose newest commits, of a sync a minute, are so many; older ones are in a checkpoint alone."""
    rows: list[tuple[str, ...]] = []
    for number in commits:
        lake = _lake(folder / "logs", number)
        opening = _least(lambda lake=lake: lake.open(CLICK_COUNTS))
        committing = _least(lambda lake=lake: _commit(lake))
        rows.append((f"{number:,}", f"{opening * 1_000:.1f}", f"{committing * 1_000:.1f}"))
        note(f"{number:,} commits: opening {opening * 1_000:.1f} ms, committing {committing * 1_000:.1f} ms")
    print(f"### Logs\n\nA table in a folder whose log has so many commits. {machine()} Best of {TRIES}.\n")
    table(["commits", "opening, ms", "opening and committing, ms"], rows)


def _lake(folder: Path, commits: int) -> Lake:
    """Commits are written by the lake; all but the first few are copies of one of them, under their own names."""
    shutil.rmtree(folder, ignore_errors=True)
    lake = Lake(str(folder))
    for _ in range(3):
        _commit(lake)
    log = folder / CLICK_COUNTS.name / "_delta_log"
    text = (log / f"{3:020d}.json").read_text()
    for version in range(4, commits):
        (log / f"{version:020d}.json").write_text(text)
    lake.open(CLICK_COUNTS).create_checkpoint()
    return lake


def _commit(lake: Lake) -> None:
    counts = lake.open(CLICK_COUNTS)
    folded = [Transaction("clicks", counts.version())]
    lake.append(counts, CLICK_COUNTS, pl.DataFrame(schema=CLICK_COUNTS.schema), transactions=folded)


def _least(action: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(TRIES):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)
