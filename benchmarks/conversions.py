"""The door of conversions on one API process, beside a bare loop of inserts on the same database in the same run."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from analytics_core.settings import Settings, with_secrets
from analytics_core.store.database import Database
from analytics_core.tracking.ctx import Context, mint
from benchmarks.report import machine, note, table

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))  # the PostgreSQL of the tests

from support import postgres  # noqa: E402
from support.api import free_port  # noqa: E402

CONNECTIONS = (1, 16, 64)
BARE_INSERT = (
    "INSERT INTO conversions (conversion_id, handle, idempotency_key, content, slug, click_id, clicked_at, consent, "
    "event_type, value_e4, currency, at, carried) VALUES ({}) ON CONFLICT (handle, idempotency_key) DO NOTHING"
)


@dataclass(frozen=True)
class Round:
    """What one contender did: posts a second, milliseconds of half and of 99 in 100 posts, and of its processor."""

    name: str
    rate: float
    p50: float
    p99: float
    processor: float


def run(posts: int) -> None:
    print(f"## Conversions\n\n{posts:,} posts a round, each a key of its own. {machine()}\n")
    for name, database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with tempfile.TemporaryDirectory(dir=ROOT / "benchmarks" / "var") as folder, database(Path(folder)) as url:
            rounds = [_bare(url, posts // 4)]
            note(f"{name}: {rounds[0]}")
            with _api(Path(folder), url) as (base, token, server):
                _clients(base, token, server, connections=16, posts=1_000, prefix="warm")
                rounds.append(_clients(base, "", server, connections=16, posts=posts // 4, prefix="healthz"))
                for connections in CONNECTIONS:
                    count = posts // 4 if connections == 1 else posts
                    rounds.append(
                        _clients(base, token, server, connections=connections, posts=count, prefix=f"c{connections}")
                    )
                    note(f"{name}: {rounds[-1]}")
            again = _bare(url, posts // 4)
            note(f"{name}: again {again}")
        bare = max(rounds[0].rate, again.rate)
        print(f"{name}:\n")
        header = ["", "conversions/s", "of the bare loop", "p50 ms", "p99 ms", "CPU ms a post"]
        table(
            header,
            [
                (
                    one.name,
                    f"{one.rate:,.0f}",
                    f"{one.rate / bare:.0%}",
                    f"{one.p50:.1f}",
                    f"{one.p99:.1f}",
                    f"{one.processor:.2f}",
                )
                for one in rounds
            ],
        )


@contextmanager
def _sqlite(folder: Path) -> Generator[str]:
    yield f"sqlite:///{folder / 'clickledger.sqlite'}"


@contextmanager
def _postgresql(folder: Path) -> Generator[str]:
    with postgres.running(folder / "postgres", is_durable=True) as url:
        yield url


@contextmanager
def _api(folder: Path, url: str) -> Generator[tuple[str, str, int]]:
    """A server with its own state, and a ctx that it takes."""
    settings = with_secrets(Settings(_env_file=None, state=folder / "state", database_url=url))  # type: ignore[call-arg]
    context = Context("acme", "launch", "click==", datetime.now(UTC))
    token = mint(context, settings.ctx_keys, timedelta(days=1))
    environment = os.environ | {
        "CLICKLEDGER_STATE": str(folder / "state"),
        "CLICKLEDGER_DATABASE_URL": url,
        "CLICKLEDGER_TRUSTED_PROXIES": "1",
    }
    port = free_port()
    words = [sys.executable, "-m", "uvicorn", "analytics_core.api:app", "--port", str(port), "--no-access-log"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        base = f"127.0.0.1:{port}"
        asyncio.run(_wait(base))
        yield base, token, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


async def _wait(base: str) -> None:
    host, port = base.split(":")
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("the server does not answer")


# --- the bare loop --------------------------------------------------------------------------------------------------


def _bare(url: str, rows: int) -> Round:
    """One connection, one row a transaction, as durable as the API's."""
    Database(url).engine.dispose()  # makes the tables
    now = datetime.now(UTC)
    insert, close = _sqlite_insert(url) if url.startswith("sqlite") else _postgresql_insert(url)
    times: list[float] = []
    before = time.process_time()
    prefix = f"bare-{time.monotonic_ns()}"
    for number in range(rows):
        key = f"{prefix}-{number}"
        row = (
            f"{time.monotonic_ns():032x}",
            "acme",
            key,
            "c" * 64,
            "launch",
            "click==",
            now,
            "full",
            "purchase",
            999_900,
        )
        started = time.perf_counter()
        insert((*row, "USD", now, False))
        times.append(time.perf_counter() - started)
    close()
    return _round(
        "a bare loop of `INSERT … ON CONFLICT`, one row a transaction",
        rows,
        sum(times),
        times,
        time.process_time() - before,
    )


def _sqlite_insert(url: str) -> tuple[Callable[[Sequence[object]], None], Callable[[], None]]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    statement = BARE_INSERT.format(", ".join("?" * 13))

    def insert(row: Sequence[object]) -> None:
        connection.execute(statement, [str(one) if isinstance(one, datetime) else one for one in row])
        connection.commit()

    return insert, connection.close


def _postgresql_insert(url: str) -> tuple[Callable[[Sequence[object]], None], Callable[[], None]]:
    connection = psycopg.connect(url.replace("+psycopg", ""))
    statement = BARE_INSERT.format(", ".join(["%s"] * 13))

    def insert(row: Sequence[object]) -> None:
        connection.execute(statement.encode(), row)
        connection.commit()

    return insert, connection.close


# --- the clients ----------------------------------------------------------------------------------------------------


def _clients(base: str, token: str, server: int, *, connections: int, posts: int, prefix: str) -> Round:
    """Keep-alive connections of a process of their own, each posting as soon as it is answered."""
    words = [sys.executable, "-m", "benchmarks.conversions", base, token, str(connections), str(posts), prefix]
    before = _processor_seconds(server)
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    used = _processor_seconds(server) - before
    if ran.returncode:
        raise SystemExit(ran.stderr[-2_000:])
    seconds, times = json.loads(ran.stdout)
    what = "the API" if token else "the same process answering `GET /healthz`"
    return _round(f"{what}, {connections} connection{'s' * (connections > 1)}", posts, seconds, times, used)


def _round(name: str, posts: int, seconds: float, times: Sequence[float], processor_seconds: float) -> Round:
    percentiles = statistics.quantiles(times, n=100)
    return Round(
        name, posts / seconds, percentiles[49] * 1_000, percentiles[98] * 1_000, processor_seconds / posts * 1_000
    )


def _processor_seconds(process: int) -> float:
    """What a process has used so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _post(base: str, token: str, number: int, prefix: str) -> str:
    posted = {"ctx": token, "eventType": "purchase", "idempotencyKey": f"{prefix}-{number}", "value": 99.99}
    body = json.dumps(posted | {"currency": "USD"})
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"  # its limit is not what is measured
    return (
        f"POST /v2/public/conversions HTTP/1.1\r\nHost: {base}\r\nContent-Type: application/json\r\n"
        f"X-Forwarded-For: {address}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


async def _post_all(base: str, token: str, connections: int, posts: int, prefix: str) -> tuple[float, list[float]]:
    host, port = base.split(":")
    times: list[float] = []

    async def client(start: int) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in range(start, posts, connections):
            request = _post(base, token, number, prefix) if token else f"GET /healthz HTTP/1.1\r\nHost: {base}\r\n\r\n"
            started = time.perf_counter()
            writer.write(request.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - started)
            if answer.split(b" ", 2)[1] not in (b"200", b"201"):
                raise SystemExit(answer.decode())
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client(start) for start in range(connections)))
    return time.perf_counter() - started, times


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_post_all(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))))
