"""The Parquet files of one commit: written by Polars beside the table, and described as the Delta log wants them.

Files that no commit names are nothing to a reader: a crash in between leaves rubbish that `compact` removes.
"""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

import polars as pl
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from analytics_core.store.lake_tables import TableSpec
from analytics_core.store.object_storage import client, is_object_url, parse_location, storage_errors


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table: its path below the table, its rows and bytes, and its partition (column to value)."""

    path: str
    rows: int
    size: int
    partition: Mapping[str, str]

    def removal(self) -> RemoveAction:
        """Takes the file out of the table because its rows are in another one. Its bytes stay until a vacuum."""
        return RemoveAction(self.path, False, time.time_ns() // 1_000_000, self.size, dict(self.partition))


def parts_of(table: DeltaTable) -> list[Part]:
    """The files of the version that `table` shows, in the order of their paths."""
    logged = pl.DataFrame(table.get_add_actions(flatten=True))
    columns = [name for name in logged.columns if name.startswith("partition.")]
    return sorted(
        (
            Part(
                path=unquote(row["path"]),
                rows=row["num_records"],
                size=row["size_bytes"],
                partition={name.removeprefix("partition."): str(row[name]) for name in columns},
            )
            for row in logged.select("path", "num_records", "size_bytes", *columns).iter_rows(named=True)
        ),
        key=lambda part: part.path,
    )


def row_count(table: DeltaTable) -> int:
    """Rows in the files of the version that `table` shows, as its log says."""
    logged = pl.DataFrame(table.get_add_actions(flatten=True))
    return 0 if logged.is_empty() else int(logged["num_records"].sum())


def rows_between(table: DeltaTable, first: date, last: date) -> int:
    """Rows in the files of a table that is partitioned by day, of the days from `first` to `last`, both inclusive."""
    logged = pl.DataFrame(table.get_add_actions(flatten=True))
    if logged.is_empty():
        return 0
    of_days = logged.filter(pl.col("partition.day").is_between(first, last))
    return of_days.select(pl.col("num_records").sum()).item()


def newest(table: DeltaTable, column: str) -> datetime | None:
    """The greatest time in a column of `bounds`, rounded up to milliseconds as the log has it; None without rows."""
    logged = pl.DataFrame(table.get_add_actions(flatten=True))
    return cast(datetime | None, logged[f"max.{column}"].max()) if f"max.{column}" in logged.columns else None


def write_parts(
    url: str, spec: TableSpec, frame: pl.DataFrame, *, has_news: bool = True
) -> list[AddAction | RemoveAction]:
    """Writes `frame` (the columns of `spec`) as one file a partition under `url`, a folder or s3://…

    Rows keep their order. `has_news`: the table did not hold them before. Raises OSError when a file cannot be written.
    """
    return [_write_part(url, spec, values, rows, has_news) for values, rows in _partitions(spec, frame)]


def _partitions(spec: TableSpec, frame: pl.DataFrame) -> Iterator[tuple[dict[str, str], pl.DataFrame]]:
    if frame.is_empty():
        return
    if not spec.partition_by:
        yield {}, frame
        return
    for key, rows in _parted(frame, spec.partition_by):
        yield {name: str(value) for name, value in zip(spec.partition_by, key, strict=True)}, rows


def _parted(frame: pl.DataFrame, columns: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """The rows of each value of `columns`, without these. Rows that stand together are not copied."""
    is_first = frame.select(pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in columns))
    starts = [0, *(place for place in is_first.to_series().arg_true().to_list() if place), frame.height]
    keys = frame.select(columns)[starts[:-1]].rows()
    if len(set(keys)) < len(keys):
        yield from frame.partition_by(columns, as_dict=True, include_key=False).items()
        return
    for key, (start, end) in zip(keys, pairwise(starts), strict=True):
        yield key, frame[start:end].drop(columns)


def _write_part(url: str, spec: TableSpec, values: dict[str, str], rows: pl.DataFrame, has_news: bool) -> AddAction:
    folders = [f"{name}={quote(value, safe='')}" for name, value in values.items()]
    path = "/".join([*folders, f"part-{uuid.uuid4()}.zstd.parquet"])
    body = io.BytesIO()
    rows.write_parquet(body, compression="zstd", compression_level=1, row_group_size=spec.row_group_rows)
    _store(f"{url}/{path}", body.getbuffer())
    return AddAction(
        path=path,  # the log spells it as it wants
        size=body.tell(),
        partition_values=values,
        modification_time=time.time_ns() // 1_000_000,
        data_change=has_news,
        stats=json.dumps(_statistics(spec, rows)),
    )


def _store(url: str, body: memoryview) -> None:
    if is_object_url(url):
        place = parse_location(url)
        try:
            client().put_object(Bucket=place.bucket, Key=place.key, Body=io.BytesIO(body))
        except storage_errors() as error:
            raise OSError(f"{url} could not be written") from error
        return
    path = Path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def _statistics(spec: TableSpec, rows: pl.DataFrame) -> dict[str, Any]:
    """What lets engines skip the file: its rows, and the bounds of the columns that `spec` names."""
    return {
        "numRecords": rows.height,
        "minValues": {name: _bound(rows[name].min(), upwards=False) for name in spec.bounds},
        "maxValues": {name: _bound(rows[name].max(), upwards=True) for name in spec.bounds},
        "nullCount": {name: rows[name].null_count() for name in spec.bounds},
    }


def _bound(value: Any, *, upwards: bool) -> Any:
    """The log keeps times in milliseconds: a bound moves outwards."""
    if isinstance(value, datetime):
        moved = value + timedelta(microseconds=999) if upwards else value
        return moved.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moved.microsecond // 1000:03d}Z"
    return value.isoformat() if isinstance(value, date) else value
