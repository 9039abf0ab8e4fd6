"""Where a run keeps lake, database and logs: a folder with SQLite, or S3 (SeaweedFS) with PostgreSQL."""

from __future__ import annotations

import gzip
import os
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from support import postgres, s3

from soak.oracle import BUCKETS
from soak.traffic import PUBLIC_DOMAIN, Log

ROOT: Final = Path(__file__).parents[2]
CTX_SECRET: Final = "the-secret-of-the-ctx-tokens-of-a-soak"
_BUCKET: Final = "soak"
_SUMS: Final = (
    f"SELECT coalesce(sum(lines), 0), {', '.join(f'coalesce(sum({one}), 0)' for one in BUCKETS)} FROM batches"
)


@dataclass(frozen=True)
class Store:
    """`environment`: what a process of this store has. `sources` are a folder's or a bucket's places of logs."""

    name: str
    folder: Path
    environment: Mapping[str, str]
    reports: str  # where deliveries go
    read: Callable[[str], bytes]  # a file that was delivered
    _put: Callable[[str, bytes], None]
    _rows: Callable[[str], list[tuple[Any, ...]]]

    def arrive(self, log: Log) -> None:
        """The log is there, whole at once."""
        if log.grows:  # S3 has no such thing
            path = self.folder / "growing" / log.name
            path.parent.mkdir(exist_ok=True)
            with path.open("a") as file:
                file.write(log.text)
            return
        self._put(f"{log.source}/{log.name}", gzip.compress(log.text.encode(), mtime=0))

    def ledger(self) -> dict[str, int]:
        """Lines and buckets of all batches, as the database sums them."""
        (row,) = self._rows(_SUMS)
        return dict(zip(("lines", *BUCKETS), map(int, row), strict=True))

    def delivered(self) -> list[str]:
        """The files of all deliveries that were made."""
        return [file for (file,) in self._rows("SELECT file FROM delivery_runs WHERE outcome = 'delivered'")]


@contextmanager
def folder_and_sqlite(folder: Path) -> Generator[Store]:
    folder.mkdir(parents=True)

    def put(name: str, content: bytes) -> None:
        path = folder / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}")
        draft.write_bytes(content)
        draft.replace(path)

    def rows(sql: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(folder / "var" / "clickledger.sqlite") as connection:
            found = connection.execute(sql).fetchall()
        connection.close()
        return found

    sources = [str(folder / "logs" / "realtime"), str(folder / "logs" / "standard"), str(folder / "growing")]
    for place in sources:
        Path(place).mkdir(parents=True)
    environment = _environment(folder, sources)
    yield Store("folder + SQLite", folder, environment, str(folder / "reports"), _read, put, rows)


@contextmanager
def s3_and_postgresql(folder: Path) -> Generator[Store]:
    folder.mkdir(parents=True)
    with s3.running(folder / "s3") as endpoint, postgres.running(folder / "postgres") as url:
        client = s3.connect(endpoint)
        client.create_bucket(Bucket=_BUCKET)

        def put(name: str, content: bytes) -> None:
            client.put_object(Bucket=_BUCKET, Key=f"logs/{name}", Body=content)

        def read(file: str) -> bytes:
            return client.get_object(Bucket=_BUCKET, Key=file.removeprefix(f"s3://{_BUCKET}/"))["Body"].read()

        def rows(sql: str) -> list[tuple[Any, ...]]:
            with psycopg.connect(url.replace("+psycopg", "")) as connection:
                return connection.execute(sql.encode()).fetchall()

        (folder / "growing").mkdir()
        sources = [f"s3://{_BUCKET}/logs/realtime/", f"s3://{_BUCKET}/logs/standard/", str(folder / "growing")]
        environment = (
            _environment(folder, sources)
            | s3.KEYS
            | {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_DEFAULT_REGION": s3.KEYS["AWS_REGION"],
                "CLICKLEDGER_LAKE": f"s3://{_BUCKET}/lake",
                "CLICKLEDGER_DATABASE_URL": url,
            }
        )
        yield Store("S3 + PostgreSQL", folder, environment, f"s3://{_BUCKET}/reports", read, put, rows)


STORES: Final = {"folder": folder_and_sqlite, "s3": s3_and_postgresql}


def _read(file: str) -> bytes:
    return Path(file).read_bytes()


def _environment(folder: Path, sources: list[str]) -> dict[str, str]:
    listed = folder / "sources.toml"
    listed.write_text("".join(f'[[source]]\nurl = "{place}"\n' for place in sources))
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CLICKLEDGER_STATE": str(folder / "var"),
        "CLICKLEDGER_SOURCES": str(listed),
        "CLICKLEDGER_PUBLIC_DOMAIN": PUBLIC_DOMAIN,
        "CLICKLEDGER_BATCH_MEGABYTES": "1",
        "CLICKLEDGER_CTX_SECRETS": CTX_SECRET,
        "CLICKLEDGER_CTX_TTL_MINUTES": str(60 * 24 * 90),  # conversions follow clicks of many days
        "CLICKLEDGER_TRUSTED_PROXIES": "1",  # every client has an address of its own
        "CLICKLEDGER_QUERY_RATE": "100000/minute",
    }
