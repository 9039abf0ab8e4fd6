"""The whole pipeline beside what else reads the same files: zcat, a bare Polars scan, chDB, GoAccess."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import machine, note, table
from ingest.demo.bulk import write_standard_logs

ROOT = Path(__file__).parents[1]
FILES = 40
END = datetime(2026, 11, 1, tzinfo=UTC)
CLOUDFRONT = ("--log-format=CLOUDFRONT", "--date-format=CLOUDFRONT", "--time-format=CLOUDFRONT")

POLARS = """
import polars as pl, sys
names = open(sys.argv[1]).read().split()
frame = pl.scan_csv(sys.argv[2] + "/*.gz", has_header=False, separator="\\t", quote_char=None, comment_prefix="#",
                    schema=dict.fromkeys(names, pl.String), truncate_ragged_lines=True)
found = frame.filter(pl.col("sc-status").is_in(["302", "307"])).group_by("x-host-header", "cs-uri-stem").len().collect()
print(found["len"].sum())
"""
CHDB = """
import chdb, sys
columns = ", ".join(f"`{name}` String" for name in open(sys.argv[1]).read().split())
print(chdb.query(f'''SELECT sum(n) FROM (SELECT count() AS n FROM file('{sys.argv[2]}/*.gz', 'TSVRaw', '{columns}')
WHERE `sc-status` IN ('302', '307') GROUP BY `x-host-header`, `cs-uri-stem`)
SETTINGS input_format_tsv_skip_first_lines = 2, max_threads = 2'''))
"""


@dataclass(frozen=True)
class Run:
    """One contender: wall seconds, those of the processor, peak resident memory in MB, and what it printed last."""

    seconds: float
    processor: float
    megabytes: float
    output: str


def logs_of(folder: Path, lines: int) -> Path:
    """The folder of generated logs, made on first use."""
    logs = folder / f"standard-{lines}"
    if not (logs / "accounts.json").exists():
        started = time.monotonic()
        write_standard_logs(logs, lines=lines, files=FILES, end=END)
        note(f"{lines:,} lines written in {time.monotonic() - started:.0f} s")
    return logs


def run(folder: Path, lines: int, rounds: int = 3) -> None:
    logs = logs_of(folder, lines)
    files = sorted(logs.rglob("*.gz"))
    names = logs / "names.txt"
    names.write_text(_field_names(files[0]))
    contenders = {
        "zcat of the same files, 2 processes": lambda: measure(_zcat(files)),
        "Polars, counting redirects by host and path": lambda: measure(_python(POLARS, names, files[0].parent)),
        "chDB, counting redirects by host and path": lambda: measure(_python(CHDB, names, files[0].parent)),
        "Clickledger: python -m ingest sync": lambda: _clickledger(logs),
    }
    if shutil.which("goaccess"):
        contenders["GoAccess"] = lambda: measure(_goaccess(files))
    results: dict[str, Run] = {}
    for name, contender in contenders.items():
        tries = [contender() for _ in range(1 if name == "GoAccess" else rounds)]
        results[name] = min(tries, key=lambda one: one.seconds)
        note(f"{name}: {results[name]}")
    bare = results["Polars, counting redirects by host and path"].seconds
    stored = sum(path.stat().st_size for path in files) / 1e6
    print(f"### Ingest\n\n{lines:,} lines in {len(files)} standard gzip files ({stored:.0f} MB). {machine()}")
    print(f"Best of {rounds} rounds (GoAccess: one); every contender is a process of its own, start included.\n")
    rows = [
        (
            name,
            f"{one.seconds:.2f}",
            f"{lines / one.seconds:,.0f}",
            f"{one.seconds / bare:.2f} ×",
            f"{one.processor:.1f}",
            f"{one.megabytes:.0f}",
        )
        for name, one in results.items()
    ]
    table(["", "seconds", "lines/s", "time against the bare Polars scan", "CPU s", "peak MB"], rows)


def _field_names(path: Path) -> str:
    header = subprocess.run(["zcat", str(path)], capture_output=True, check=True).stdout.splitlines()[1]
    return header.decode().removeprefix("#Fields:").strip()


def _zcat(files: Sequence[Path]) -> list[str]:
    quoted = " ".join(f"'{path}'" for path in files)
    return ["sh", "-c", f"printf '%s\\n' {quoted} | xargs -P 2 -n 4 zcat > /dev/null"]


def _python(code: str, *arguments: Path) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def _goaccess(files: Sequence[Path]) -> list[str]:
    quoted = " ".join(f"'{path}'" for path in files)
    options = " ".join(CLOUDFRONT)
    return ["sh", "-c", f"zcat {quoted} | goaccess - {options} --no-progress -o /tmp/clickledger-goaccess.json"]


def _clickledger(logs: Path) -> Run:
    with tempfile.TemporaryDirectory() as state:
        return clickledger(logs, Path(state))


def clickledger(logs: Path, state: Path, tree: Path = ROOT) -> Run:
    """One sync of the logs into a lake below `state`, by the code of `tree`."""
    environment = {**os.environ, "CLICKLEDGER_STATE": str(state)}
    ingest = [sys.executable, "-m", "ingest"]
    accounts = [*ingest, "accounts", str(logs / "accounts.json")]
    subprocess.run(accounts, cwd=tree, env=environment, check=True, capture_output=True)
    return measure([*ingest, "sync", "--source", str(logs / "**" / "*.gz")], environment, tree)


def measure(words: Sequence[str], environment: dict[str, str] | None = None, folder: Path = ROOT) -> Run:
    """Runs one command in a child of its own, so that the peak memory is that of this command alone."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            os.chdir(folder)
            os.dup2(output.fileno(), 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.execvpe(words[0], list(words), environment or dict(os.environ))
        _, status, usage = os.wait4(child, 0)
        seconds = time.monotonic() - started
        if status:
            raise SystemExit(f"failed: {' '.join(words)[:200]}")
        output.seek(0)
        last = output.read().decode(errors="replace").strip().splitlines()
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1_024) / 1e6
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak, last[-1] if last else "")
