"""What segments cost: every click's derived from its visitor's past, beside the ingest of the same clicks."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import ingest
from benchmarks.report import machine, note, table

DERIVE = """
import sys
from analytics_core.model import SegmentRules
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICKS
from ingest.rollups.delta import people
from ingest.rollups.click_counts import judge
from ingest.rollups.rebuild import files_by_month, from_scratch, newest
lake = Lake(sys.argv[1])
scratch = from_scratch(lake, SegmentRules(), newest(lake))
days = {}
for files in files_by_month(scratch.clicks).values():
    for path in files:
        days.setdefault(path.split("/day=", 1)[1][:10], []).append(path)
found = 0
for day in sorted(days):
    judged = judge(lake.scan(scratch.clicks, CLICKS, days[day]), scratch.verdicts).collect()
    found += scratch.history.segments(people(judged)).height
print(found)
"""


def run(folder: Path, lines: int) -> None:
    logs = ingest.logs_of(folder, lines)
    with tempfile.TemporaryDirectory() as state:
        whole = ingest.clickledger(logs, Path(state))
        note(f"ingest: {whole}")
        derived = ingest.measure([sys.executable, "-c", DERIVE, f"{state}/lake"])
    print(f"### Segments\n\n{int(derived.output):,} clicks of people, from {lines:,} lines. {machine()}\n")
    table(
        ["", "seconds", "of the ingest", "peak MB"],
        [
            ("python -m ingest sync", f"{whole.seconds:.1f}", "1.00 ×", f"{whole.megabytes:.0f}"),
            (
                "segments of all clicks, from the facts alone",
                f"{derived.seconds:.1f}",
                f"{derived.seconds / whole.seconds:.2f} ×",
                f"{derived.megabytes:.0f}",
            ),
        ],
    )
