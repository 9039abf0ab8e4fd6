"""DuckDB inside this process, on the lake's Parquet files: a folder's in place, those of s3:// from a local cache."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Final
from uuid import uuid4

import duckdb
import polars as pl
from polars.datatypes import DataTypeClass

from analytics_core.engines.engine import Cancellation, Scan, Statement, Value
from analytics_core.errors import ClickledgerError, QueryTimeoutError, QueryTooLargeError, StoreUnavailableError
from analytics_core.store.file_cache import FileCache, VanishedFileError

_THREADS: Final = 2  # of one process: web workers are the other dimension
_STREAM_SECONDS: Final = 3_600  # a stream waits for its reader, so its time is not the engine's alone
_PATTERN: Final = re.compile(r"[*?\[]")  # in a path, where they would stand for other files too
_SCAN: Final = re.compile(r"\{(\w+)\}")
_TYPES: Final[Mapping[DataTypeClass, str]] = {
    pl.String: "VARCHAR",
    pl.Date: "DATE",
    pl.Int16: "SMALLINT",
    pl.Int32: "INTEGER",
    pl.Int64: "BIGINT",
    pl.Float64: "DOUBLE",
    pl.Decimal: "DECIMAL(38, 4)",
    pl.Datetime: "TIMESTAMPTZ",
}


class DuckDBEngine:
    """One database in memory for the process; every statement runs on a cursor of its own."""

    def __init__(self, *, memory_megabytes: int, seconds: float, file_cache: FileCache | None = None) -> None:
        self._seconds = seconds
        self._file_cache = file_cache
        self._connection = duckdb.connect(
            config={
                "threads": _THREADS,
                "memory_limit": f"{memory_megabytes}MiB",
                # Made by DuckDB when a query first needs it, and removed when the database closes.
                "temp_directory": str(Path(gettempdir()) / f"clickledger-{uuid4().hex}"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
                "cache_local_files": True,
                "validate_external_file_cache": "NO_VALIDATION",  # the lake's files never change
            }
        )
        self._connection.execute("SET GLOBAL parquet_metadata_cache = true")
        # Else times come in the machine's zone, under a name that Polars may not know (TZ=IST).
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")

    def frame(self, statement: Statement) -> pl.DataFrame:
        with self._running(statement, self._seconds) as (cursor, sql, values):
            cursor.execute(sql, values)
            rows = cursor.fetchall() if statement.row_cap is None else cursor.fetchmany(statement.row_cap + 1)
        if statement.row_cap is not None and len(rows) > statement.row_cap:
            raise QueryTooLargeError(f"The answer has more than {statement.row_cap} rows; ask for fewer days or keys.")
        return pl.DataFrame(rows, schema=statement.schema, orient="row")

    def stream(
        self, statement: Statement, chunk_rows: int, cancellation: Cancellation | None = None
    ) -> Iterator[pl.DataFrame]:
        with (
            self._running(statement, _STREAM_SECONDS) as (cursor, sql, values),
            (cancellation or Cancellation()).interrupting(partial(_interrupt, cursor)),
        ):
            for batch in cursor.sql(sql, params=values).to_arrow_reader(chunk_rows):
                yield pl.DataFrame(batch).cast(statement.schema)  # pyright: ignore[reportArgumentType]

    def plan(self, statement: Statement) -> str:
        with self._running(statement, self._seconds) as (cursor, sql, values):
            return "\n".join(text for _, text in cursor.execute(f"EXPLAIN ANALYZE {sql}", values).fetchall())

    def close(self) -> None:
        self._connection.close()
        if self._file_cache is not None:
            self._file_cache.close()

    @contextmanager
    def _running(
        self, statement: Statement, seconds: float
    ) -> Generator[tuple[duckdb.DuckDBPyConnection, str, dict[str, Value | list[str]]]]:
        """A cursor with the time limit, and the statement as DuckDB reads it; the driver's errors become ours."""
        remote = [file for scan in statement.scans.values() for file in scan.files]
        held = nullcontext(remote) if self._file_cache is None else self._file_cache.held(remote)
        with held as local, closing(self._connection.cursor()) as cursor, _translated():
            cursor.execute(f"SET max_execution_time = {int(seconds * 1_000)}")
            yield cursor, *_written(statement, dict(zip(remote, local, strict=True)))


def _interrupt(cursor: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.ConnectionException):  # the engine was closed, and its cursors with it
        cursor.interrupt()


def _written(statement: Statement, local: Mapping[str, str]) -> tuple[str, dict[str, Value | list[str]]]:
    """The SQL with its scans spelled out, and all values that it binds."""
    values: dict[str, Value | list[str]] = dict(statement.values)
    for name, scan in statement.scans.items():
        if scan.files:
            values[f"files_{name}"] = [_PATTERN.sub(r"[\g<0>]", local[file]) for file in scan.files]
    return _SCAN.sub(lambda found: _relation(found[1], statement.scans[found[1]]), statement.sql), values


def _relation(name: str, scan: Scan) -> str:
    """The columns are told: else they would be those of the first file, and others may have more or fewer."""
    if scan.files:
        told = ", ".join(
            f"'{column}': {{name: '{column}', type: '{_TYPES[kind.base_type()]}', default_value: NULL}}"
            for column, kind in scan.spec.stored.items()
        )
        return f"read_parquet($files_{name}, hive_partitioning = false, schema = MAP {{{told}}})"
    columns = ", ".join(f"NULL::{_TYPES[kind.base_type()]} AS {column}" for column, kind in scan.spec.columns.items())
    return f"(SELECT {columns} WHERE false)"


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (duckdb.Error, OSError) as error:  # Arrow readers wrap the engine's errors as OSError
        raise _ours(error) from error


def _ours(error: Exception) -> Exception:
    text = str(error)
    if "maximum execution time" in text:
        return QueryTimeoutError("The query took longer than it may; ask for fewer days.")
    if isinstance(error, duckdb.OutOfMemoryException) or text.startswith("Out of Memory"):
        return StoreUnavailableError("The query engine has no memory left at the moment; ask again.", retry_after=5)
    if "No files found" in text or "No such file" in text:
        return VanishedFileError(text)
    if isinstance(error, duckdb.IOException) or text.startswith("IO Error"):
        return StoreUnavailableError("The lake does not answer; nothing was lost.")
    return ClickledgerError(f"The query engine failed ({type(error).__name__}).")
