"""What an engine gets and what it promises: a Statement with bound values in, frames with its schema out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

import polars as pl

from analytics_core.store.lake_tables import TableSpec

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


class StreamCancelledError(Exception):
    """Nobody wants the rest of a stream."""


class Cancellation:
    """Ends the streams that it was given to, from any thread and for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interrupt: Callable[[], None] | None = None
        self._is_cancelled = False

    def cancel(self) -> None:
        """To be repeated until the stream has ended: an engine may forget it that is just about to begin."""
        with self._lock:
            self._is_cancelled = True
            if self._interrupt is not None:
                self._interrupt()

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Generator[None]:
        """For an engine: what ends its work meanwhile. Raises StreamCancelledError, also for errors of that end."""
        with self._lock:
            if self._is_cancelled:
                raise StreamCancelledError
            self._interrupt = interrupt
        try:
            yield
        except Exception as error:
            if self._is_cancelled:
                raise StreamCancelledError from error
            raise
        finally:
            with self._lock:
                self._interrupt = None


class Engine(Protocol):
    """Safe to share between threads.

    The calls raise VanishedFileError when a file of a scan is gone (a compaction came in between: take a new
    snapshot), QueryTimeoutError beyond the time limit and StoreUnavailableError when the lake does not answer.
    """

    def frame(self, statement: Statement) -> pl.DataFrame:
        """The whole result. Raises QueryTooLargeError beyond the statement's row cap."""
        ...

    def stream(
        self, statement: Statement, chunk_rows: int, cancellation: Cancellation | None = None
    ) -> Iterator[pl.DataFrame]:
        """The result in frames of about `chunk_rows` rows, each computed when asked for.

        Raises StreamCancelledError once it is cancelled.
        """
        ...

    def plan(self, statement: Statement) -> str:
        """How the engine answers it, step by step with rows and times, as a text for people. It is run for that."""
        ...

    def close(self) -> None: ...
