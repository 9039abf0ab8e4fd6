"""Downloads of a million single clicks from one API process: first byte, memory, and what a client costs who left."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from benchmarks.ingest import END, ROOT, clickledger
from benchmarks.report import machine, note, table
from ingest.demo.bulk import write_standard_logs

sys.path.append(str(ROOT / "tests"))

from support.api import free_port

LINES = 1_200_000  # of which 85 in 100 are clicks
ROUNDS = ((30, "csv", 1), (30, "json", 1), (1, "csv", 1), (30, "csv", 4))  # days of the clicks, format, clients
HANDLE = "creator-00000"
PATIENCE = 120.0  # seconds that a client waits for the next byte
AFTER = 3.0  # seconds for which a server is watched that a client has left


@dataclass(frozen=True)
class Fetched:
    """One download: seconds to its first byte and to its end, and its bytes."""

    first: float
    whole: float
    size: int


def run(folder: Path) -> None:
    print(f"### Downloads\n\nSingle clicks of one handle from {LINES:,} log lines. {machine()}\n")
    rows = [_measure(_state(folder, days), days, *how) for days, *how in ROUNDS]
    rows.append(_leave(_state(folder, 30)))
    table(["", "first byte s", "whole s", "MB", "CPU s", "peak MB of the process"], rows)


def _measure(state: Path, days: int, format_name: str, clients: int) -> tuple[str, ...]:
    with _api(state) as (port, process, token):
        idle, before = _peak_megabytes(process), _processor_seconds(process)
        with ThreadPoolExecutor(clients) as pool:
            found = list(pool.map(lambda _: _fetch(port, token, format_name), range(clients)))
        used = _processor_seconds(process) - before
        name = f"{format_name.upper()}, clicks of {days} day{'s' * (days > 1)}" + f", {clients} at once" * (clients > 1)
        first, whole = (max(times) for times in zip(*((one.first, one.whole) for one in found), strict=True))
        size = sum(one.size for one in found) / 1e6
        peak = f"{_peak_megabytes(process):.0f} (idle {idle:.0f})"
    row = name, _seconds(first), _seconds(whole), f"{size:.0f}", f"{used:.1f}", peak
    note(str(row))
    return row


def _leave(state: Path) -> tuple[str, ...]:
    with _api(state) as (port, process, token):
        _fetch(port, token, "csv", bytes_wanted=1)
        before = _processor_seconds(process)
        time.sleep(AFTER)
        used = _processor_seconds(process) - before
    row = f"the {AFTER:.0f} seconds after a client left", "", "", "", f"{used:.1f}", ""
    note(str(row))
    return row


def _seconds(taken: float) -> str:
    return f"none in {PATIENCE:.0f}" if taken == inf else f"{taken:.1f}"


def _state(folder: Path, days: int) -> Path:
    """A state folder with the lake of one handle's clicks on so many days, made on first use."""
    state = folder / f"downloads-{days}"
    if not (state / "done").exists():
        logs = folder / f"downloads-{days}-logs"
        write_standard_logs(logs, lines=LINES, files=20, handles=1, days=days, end=END)
        accounts = logs / "accounts.json"
        accounts.write_text(accounts.read_text().replace("FREE", "PRO"))
        note(f"sync: {clickledger(logs, state)}")
        (state / "done").touch()
    return state


@contextmanager
def _api(state: Path) -> Generator[tuple[int, int, str]]:
    """A server of its own; its port, process and a reviewer's token."""
    environment = os.environ | {"CLICKLEDGER_STATE": str(state)}
    said = [sys.executable, "-m", "analytics_core", "token", "--user", "bench", "--staff"]
    token = subprocess.run(said, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    port = free_port()
    words = [sys.executable, "-m", "uvicorn", "analytics_core.api:app", "--port", str(port), "--no-access-log"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _wait(port)
        yield port, process.pid, token
    finally:
        process.kill()
        process.wait()


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def _fetch(port: int, token: str, format_name: str, bytes_wanted: float = inf) -> Fetched:
    """Downloads all single clicks of the last 31 days, or so many bytes of them and then leaves."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    path = f"/v2/handles/{HANDLE}/analytics/export?groupBy=event&format={format_name}"
    started = time.perf_counter()
    connection.request("GET", f"{path}&fromDay=20261001&toDay=20261101", headers={"Authorization": f"Bearer {token}"})
    try:
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(response.read().decode())
        size = len(response.read(1))
        first = time.perf_counter() - started
        while size < bytes_wanted and (chunk := response.read(1_048_576)):
            size += len(chunk)
    except TimeoutError:
        return Fetched(inf, inf, 0)
    finally:
        connection.close()
    return Fetched(first, time.perf_counter() - started, size)


def _peak_megabytes(process: int) -> float:
    """The most memory that a process has had so far (Linux)."""
    said = Path(f"/proc/{process}/status").read_text()
    return int(said.partition("VmHWM:")[2].split()[0]) * 1_024 / 1e6


def _processor_seconds(process: int) -> float:
    """What a process has used so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
