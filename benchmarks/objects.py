"""Many objects of a few lines each: what one costs, beside the same lines in large files, and when nothing is new."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.ingest import END, FILES, ROOT, Run, clickledger
from benchmarks.report import machine, note, table
from ingest.demo.bulk import write_standard_logs

LINES = 3  # of an object
HEADER = 2


def run(folder: Path, objects: int, beside: Path | None = None, rounds: int = 1) -> None:
    """`beside`: another checkout of Clickledger, which reads the same objects in the same run."""
    many, few = logs_of(folder, objects)
    trees = {"python -m ingest sync": ROOT, **({f"the same in {beside.name}": beside} if beside else {})}
    rows: list[tuple[str, ...]] = []
    for name, tree in trees.items():
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as state:
                first = clickledger(many, Path(state), tree)
                second = clickledger(many, Path(state), tree)
            rows += [_row(f"{name}, {objects:,} objects", first, objects)]
            rows += [_row(f"{name}, once more, nothing new", second, objects)]
            note(f"{name}: {first} {second}")
    with tempfile.TemporaryDirectory() as state:
        rows.append(_row(f"the same lines in {FILES} files", clickledger(few, Path(state)), objects))
    print(f"### Tiny objects\n\n{objects:,} standard gzip files of {LINES} lines. {machine()}\n")
    table(["", "seconds", "of these the sync itself", "objects/s", "CPU s", "peak MB"], rows)


def _row(name: str, one: Run, objects: int) -> tuple[str, ...]:
    said = json.loads(one.output)
    seconds = float(said["seconds"])
    return (
        name,
        f"{one.seconds:.2f}",
        f"{seconds:.2f}",
        f"{objects / seconds:,.0f}",
        f"{one.processor:.1f}",
        f"{one.megabytes:.0f}",
    )


def logs_of(folder: Path, objects: int) -> tuple[Path, Path]:
    """The folder of tiny objects and that of few large ones, with the same lines, made on first use."""
    many, few = folder / f"objects-{objects}", folder / f"standard-{objects * LINES}"
    if not (few / "accounts.json").exists():
        write_standard_logs(few, lines=objects * LINES, files=FILES, end=END)
    if not (many / "accounts.json").exists():
        started = time.monotonic()
        (many / "logs").mkdir(parents=True, exist_ok=True)
        for number, (stem, text) in enumerate(_texts(few)):
            (many / "logs" / f"{stem}.{number:08x}.gz").write_bytes(gzip.compress(text, 1, mtime=0))
        shutil.copy(few / "accounts.json", many / "accounts.json")
        note(f"{objects:,} objects written in {time.monotonic() - started:.0f} s")
    return many, few


def _texts(few: Path) -> Iterator[tuple[str, bytes]]:
    """The beginning of an object's name and its text."""
    for path in sorted(few.rglob("*.gz")):
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        header = b"".join(lines[:HEADER])
        for start in range(HEADER, len(lines), LINES):
            yield path.stem.rpartition(".")[0], header + b"".join(lines[start : start + LINES])
