"""How the rows of an export become bytes, frame by frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import orjson
import polars as pl
import pyarrow.parquet as pq

from analytics_core.errors import InvalidFormatError
from analytics_core.query.catalog import EVENT
from analytics_core.query.export_rows import Export

_FORMULA: Final = r"^[=+\-@\t\r]"  # what a spreadsheet would run


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a file, and how many rows they end."""

    content: bytes
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Format:
    """`pieces` gives the rows as bytes, in the time that they come. `head` stands before them, and `tail` after them
    with the manifest between them, where a file holds its own."""

    name: str
    media_type: str
    pieces: Callable[[Export], Iterator[Piece]]
    head: bytes = b""
    before_manifest: bytes = b""
    tail: bytes = b""


def format_named(name: str | None) -> Format:
    if name not in FORMATS:
        got = "it is missing" if name is None else f"got {name[:40]!r}"
        raise InvalidFormatError(f"format must be one of {', '.join(FORMATS)}; {got}.")
    return FORMATS[name]


def money(amount: Decimal) -> orjson.Fragment:
    """A JSON number with exactly the digits that the amount needs: 99.99, 100, 0.5."""
    return orjson.Fragment(digits(amount))


def digits(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _named_columns(rows: Export) -> dict[str, str]:
    """Column of the frames → header: the key bears its dimension's name, so that two files can be joined by it."""
    key = rows.query.key_name
    return {name: key if name == "key" and key != EVENT else name for name in rows.columns}


def _csv(rows: Export) -> Iterator[Piece]:
    header = io.StringIO(newline="")
    csv.writer(header).writerow(_named_columns(rows).values())
    yield Piece(header.getvalue().encode())
    text = pl.col(pl.String)
    for frame in rows.frames:
        safe = frame.with_columns(
            pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep(),
            pl.col(pl.Decimal).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end("."),
        )
        yield Piece(safe.write_csv(include_header=False, line_terminator="\r\n").encode(), frame.height)


def _json(rows: Export) -> Iterator[Piece]:
    columns = _named_columns(rows)
    yield Piece(b"[")
    between = b""
    for frame in rows.frames:
        if frame.height:
            objects = orjson.dumps(frame.rename(columns).to_dicts(), default=money)
            yield Piece(between + objects[1:-1], frame.height)
            between = b","
    yield Piece(b"]")


def _parquet(rows: Export) -> Iterator[Piece]:
    columns = _named_columns(rows)
    schema = pl.DataFrame(schema=rows.columns).rename(columns).to_arrow().schema
    written = io.BytesIO()

    def taken() -> bytes:
        content = written.getvalue()
        written.seek(0)
        written.truncate()
        return content

    with pq.ParquetWriter(written, schema, compression="zstd") as writer:
        for frame in rows.frames:
            writer.write_table(frame.rename(columns).to_arrow().cast(schema))
            yield Piece(taken(), frame.height)
    yield Piece(taken())


FORMATS: Final = {
    one.name: one
    for one in (
        Format("csv", "text/csv; charset=utf-8", _csv),
        Format("json", "application/json", _json, b'{"rows":', b',"manifest":', b"}"),
    )
}

# A file of columns is for machines that fetch it from a folder; over HTTP there are CSV and JSON.
FORMATS_OF_DELIVERIES: Final = FORMATS | {"parquet": Format("parquet", "application/vnd.apache.parquet", _parquet)}
