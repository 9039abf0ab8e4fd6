"""What an engine gets and what it promises: a Statement with bound values in, frames with its schema out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

import polars as pl

from analytics_core.store.schemas import TableSpec

Value = str | int | float | date | datetime


@dataclass(frozen=True, slots=True)
class Scan:
    """Some immutable Parquet files of a lake table. Partition columns are not in the files and cannot be asked for."""

    spec: TableSpec
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One question in SQL. `{name}` stands for a scan, `$name` for a value; values are never part of the text.

    `schema` is what comes back. More rows than `row_cap` are an error, never cut short; None is for streams alone.
    """

    sql: str
    schema: pl.Schema
    values: Mapping[str, Value]
    scans: Mapping[str, Scan]
    row_cap: int | None = field(kw_only=True)


class Engine(Protocol):
    """Safe to share between threads.

    The calls raise VanishedFileError when a file of a scan is gone (a compaction came in between: take a new
    snapshot), QueryTimeoutError beyond the time limit and StoreUnavailableError when the lake does not answer.
    """

    def frame(self, statement: Statement) -> pl.DataFrame:
        """The whole result. Raises QueryTooLargeError beyond the statement's row cap."""
        ...

    def stream(self, statement: Statement, chunk_rows: int) -> Iterator[pl.DataFrame]:
        """The result in frames of about `chunk_rows` rows, each computed when asked for."""
        ...

    def plan(self, statement: Statement) -> str:
        """How the engine answers it, step by step with rows and times, as a text for people. It is run for that."""
        ...

    def close(self) -> None: ...
