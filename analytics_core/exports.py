"""Downloads: rows as CSV, JSON or Parquet, written to disk while they are hashed, with a manifest that is kept.

A manifest says what the file answers (query, data version, metric definitions), how many rows it has and the SHA-256
of its bytes: of the whole CSV, or of the `rows` array of the JSON, brackets included. Its query says as of when it was
answered, so that the same query gives the same bytes whatever has been learnt since.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import IO, Any, Final

import orjson
import polars as pl
import pyarrow.parquet as pq
from sqlalchemy import select

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import Application
from analytics_core.errors import InvalidFormatError, NotFoundError
from analytics_core.model import Query
from analytics_core.query.catalog import DEFINITIONS_VERSION, EVENT
from analytics_core.query.parse import filter_text
from analytics_core.service import Export
from analytics_core.store import tables
from analytics_core.store.audit import AuditEvent, record
from analytics_core.store.database import Database

_MEMORY_BYTES: Final = 1_048_576  # of a file before it goes to disk
_CHUNK_BYTES: Final = 65_536
_FORMULA: Final = r"^[=+\-@\t\r]"  # what a spreadsheet would run


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of one export for good."""

    id: str
    handle: str
    created_at: datetime
    created_by: str
    format: str
    query: dict[str, Any]
    data_version: str
    definitions_version: str
    rows: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "handle": self.handle,
            "createdAt": self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "createdBy": self.created_by,
            "format": self.format,
            "query": self.query,
            "dataVersion": self.data_version,
            "definitionsVersion": self.definitions_version,
            "rows": self.rows,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Download:
    """A finished file. `chunks` gives its bytes once and closes it, as does `close`."""

    filename: str
    media_type: str
    manifest: Manifest
    _head: bytes
    _body: IO[bytes]
    _tail: bytes

    def chunks(self) -> Iterator[bytes]:
        with self._body:
            if self._head:
                yield self._head
            while chunk := self._body.read(_CHUNK_BYTES):
                yield chunk
            if self._tail:
                yield self._tail

    def read(self) -> bytes:
        return b"".join(self.chunks())

    def close(self) -> None:
        self._body.close()


@dataclass(frozen=True, slots=True)
class Format:
    """How rows become bytes, and what stands around them."""

    name: str
    media_type: str
    write: Callable[[Export, IO[bytes], Callable[[bytes], None]], int]


def export(application: Application, query: Query, actor: Actor, format_name: str, request_id: str = "") -> Download:
    """The file, for an actor who may export. Raises InvalidFormatError and what Analytics.export_rows raises."""
    chosen = FORMATS_OF_DELIVERIES.get(format_name) or format_named(format_name)
    rows = application.analytics.export_rows(query, actor)
    body: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  (Download closes it)
    digest = hashlib.sha256()
    try:
        count = chosen.write(rows, body, digest.update)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    manifest = Manifest(
        id=uuid.uuid4().hex,
        handle=query.handle,
        created_at=application.clock(),
        created_by=actor.user_id,
        format=chosen.name,
        query=describe(replace(query, as_of=rows.as_of)),
        data_version=rows.data_version,
        definitions_version=DEFINITIONS_VERSION,
        rows=count,
        sha256=digest.hexdigest(),
    )
    _keep(application.database, manifest, actor, request_id)
    head, tail = b"", b""
    if chosen.name == "json":
        head, tail = b'{"manifest":' + orjson.dumps(manifest.to_json()) + b',"rows":', b"}"
    return Download(filename(query, chosen.name), chosen.media_type, manifest, head, body, tail)


def filename(query: Query, format_name: str) -> str:
    """`acme-country-20260201-20260228.csv`."""
    period = query.period
    rows = "conversions" if query.events == "conversions" else query.group_by
    return f"{query.handle}-{rows}-{period.from_day:%Y%m%d}-{period.to_day:%Y%m%d}.{format_name}"


def find_manifest(database: Database, handle: str, manifest_id: str) -> Manifest:
    """Raises NotFoundError when the handle has no export of that id."""
    kept = tables.exports
    with database.connect() as connection:
        found = connection.execute(select(kept).where(kept.c.id == manifest_id, kept.c.handle == handle))
        row = found.mappings().one_or_none()
    if row is None:
        raise NotFoundError("There is no export of that id.")
    return Manifest(**(dict(row) | {"query": orjson.loads(row["query"])}))


def format_named(name: str | None) -> Format:
    if name not in FORMATS:
        raise InvalidFormatError(f"format must be one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def describe(query: Query) -> dict[str, Any]:
    """The query in the words of the API, everything resolved."""
    return {
        "groupBy": query.group_by,
        "metric": query.events if query.group_by == EVENT else None,
        "fromDay": f"{query.period.from_day:%Y%m%d}",
        "toDay": f"{query.period.to_day:%Y%m%d}",
        "tz": query.period.timezone,
        "filters": {one.dimension: filter_text(one) for one in query.filters},
        "conversionDay": query.conversion_day,
        "sort": query.sort,
        "asOf": query.as_of.isoformat().replace("+00:00", "Z") if query.as_of else None,
    }


def _keep(database: Database, manifest: Manifest, actor: Actor, request_id: str) -> None:
    row = {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}
    detail = {"exportId": manifest.id, "format": manifest.format, "rows": manifest.rows, "query": manifest.query}
    made = AuditEvent(manifest.created_at, actor.name, manifest.handle, "export.made", detail, request_id)
    with database.begin() as connection:
        record(connection, made)
        connection.execute(tables.exports.insert().values(row | {"query": orjson.dumps(manifest.query).decode()}))


def _named_columns(rows: Export) -> dict[str, str]:
    """Column of the frames → header: the key bears its dimension's name, so that two files can be joined by it."""
    key = rows.query.group_by or ""
    return {name: key if name == "key" and key != EVENT else name for name in rows.columns}


def _write_csv(rows: Export, body: IO[bytes], hash_: Callable[[bytes], None]) -> int:
    columns = _named_columns(rows)
    header = io.StringIO(newline="")
    csv.writer(header).writerow(columns.values())
    count = 0

    def put(text: bytes) -> None:
        body.write(text)
        hash_(text)

    put(header.getvalue().encode())
    for frame in rows.frames:
        count += frame.height
        text = pl.col(pl.String)
        safe = frame.with_columns(
            pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep(),
            pl.col(pl.Decimal).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end("."),
        )
        put(safe.write_csv(include_header=False, line_terminator="\r\n").encode())
    return count


def money(amount: Decimal) -> orjson.Fragment:
    """A JSON number with exactly the digits that the amount needs: 99.99, 100, 0.5."""
    return orjson.Fragment(digits(amount))


def digits(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _write_json(rows: Export, body: IO[bytes], hash_: Callable[[bytes], None]) -> int:
    columns = _named_columns(rows)
    count = 0

    def put(text: bytes) -> None:
        body.write(text)
        hash_(text)

    put(b"[")
    for frame in rows.frames:
        for row in frame.rename(columns).iter_rows(named=True):
            put((b"," if count else b"") + orjson.dumps(row, default=money))
            count += 1
    put(b"]")
    return count


def _write_parquet(rows: Export, body: IO[bytes], hash_: Callable[[bytes], None]) -> int:
    columns = _named_columns(rows)
    count = 0
    schema = pl.DataFrame(schema=rows.columns).rename(columns).to_arrow().schema
    with pq.ParquetWriter(body, schema, compression="zstd") as writer:
        for frame in rows.frames:
            count += frame.height
            writer.write_table(frame.rename(columns).to_arrow().cast(schema))
    body.seek(0)
    while chunk := body.read(_CHUNK_BYTES):
        hash_(chunk)
    return count


FORMATS: Final = {
    one.name: one
    for one in (
        Format("csv", "text/csv; charset=utf-8", _write_csv),
        Format("json", "application/json", _write_json),
    )
}

# A file of columns is for machines that fetch it from a folder; over HTTP there are CSV and JSON.
FORMATS_OF_DELIVERIES: Final = FORMATS | {
    "parquet": Format("parquet", "application/vnd.apache.parquet", _write_parquet)
}
