"""Blocks to lines: one row a log line in the columns of LINE_COLUMNS, and the lines that could not be read."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Final

import polars as pl
import pyarrow as pa

from ingest.blocks import LINE_BYTES, Block, JsonLines, ParquetRows, Rejected, Tabbed
from ingest.cloudfront import LINE_COLUMNS, Fields, read_field_list, to_lines

REJECTED_COLUMNS: Final = {"line_number": pl.Int64, "reason": pl.String, "raw": pl.String}
RAW_CHARACTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Parsed:
    """`lines` has LINE_COLUMNS; `rejected` has REJECTED_COLUMNS. Together they are the lines of the block."""

    lines: pl.DataFrame
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED_COLUMNS))


def parse(block: Block) -> Parsed:
    """Reads one block. Blank lines are no lines; everything else is in one of the two frames."""
    match block.content:
        case Tabbed(text, fields):
            return _parse_tabbed(text, fields, block.first_line)
        case JsonLines(text, names):
            return _parse_json(text, names, block.first_line)
        case ParquetRows(rows):
            return _parse_rows(rows, block.first_line)
        case Rejected(line_number, reason, raw):
            rejected = {"line_number": [line_number], "reason": [reason], "raw": [raw[:RAW_CHARACTERS]]}
            return Parsed(_no_lines(), pl.DataFrame(rejected, schema=REJECTED_COLUMNS))


def with_raw(rejected: pl.DataFrame, block: Block) -> pl.DataFrame:
    """Adds the beginning of each line, as the block holds it, to (line_number, reason)."""
    places = [number - block.first_line for number in rejected["line_number"].to_list()]
    match block.content:
        case Tabbed(text) | JsonLines(text):
            lines = text.split(b"\n")
            raw = [lines[place][: RAW_CHARACTERS * 4].decode("utf-8", "replace") for place in places]
        case ParquetRows(rows):
            raw = [json.dumps(row, default=str) for row in rows.take(places).to_pylist()]
        case Rejected(raw=text):
            raw = [text] * len(places)
    return rejected.with_columns(raw=pl.Series([text[:RAW_CHARACTERS] for text in raw], dtype=pl.String)).select(
        list(REJECTED_COLUMNS)
    )


def _no_lines() -> pl.DataFrame:
    kinds = {"line_number": pl.Int64, "at": pl.Datetime("us", "UTC"), "status": pl.Int16}
    return pl.DataFrame(schema={name: kinds.get(name, pl.String) for name in LINE_COLUMNS})


# --- tab-separated --------------------------------------------------------------------------------------------------


def _parse_tabbed(text: bytes, fields: Fields, first_line: int) -> Parsed:
    if _looks_clean(text, len(fields.names)):
        lines = _read_columns(text, fields)
        if lines is not None:
            numbered = lines.with_row_index("line_number", offset=first_line)
            return Parsed(
                to_lines(numbered.lazy().with_columns(pl.col("line_number").cast(pl.Int64)), fields).collect()
            )
    return _parse_line_by_line(text, fields, first_line)


def _looks_clean(text: bytes, columns: int) -> bool:
    """True when nothing in the text needs a closer look. Every test is one pass of C over the bytes, or less."""
    rows = text.count(b"\n") + (not text.endswith(b"\n"))
    return (
        text.isascii()
        and text.count(b"\t") == rows * (columns - 1)
        and b"\0" not in text
        and b"\r" not in text
        and not _has_long_line(text)
    )


def _has_long_line(text: bytes) -> bool:
    start = 0
    while len(text) - start > LINE_BYTES:
        end = text.rfind(b"\n", start, start + LINE_BYTES + 1)
        if end < 0:
            return True
        start = end + 1
    return False


def _read_columns(text: bytes, fields: Fields) -> pl.DataFrame | None:
    """The needed columns of lines that all have the full number of columns; None when one of them does not."""
    last = fields.names[-1]
    wanted = list(dict.fromkeys([*fields.time_fields, *fields.needed.values(), last]))
    frame = (
        pl.scan_csv(
            text,
            has_header=False,
            separator="\t",
            quote_char=None,
            schema=dict.fromkeys(fields.names, pl.String),
            truncate_ragged_lines=True,
            extra_columns="ignore",
            missing_columns="insert",
        )
        .select(wanted)
        .collect(engine="in-memory")
    )
    return None if frame[last].null_count() else frame


def _parse_line_by_line(text: bytes, fields: Fields, first_line: int) -> Parsed:
    decoded = text.decode("utf-8", "replace")
    invalid = pl.lit("\ufffd" in decoded and not _is_utf8(text))
    columns = len(fields.names)
    content = pl.col("text")
    checked = (
        pl.LazyFrame({"text": decoded.split("\n")}, schema={"text": pl.String})
        .with_row_index("line_number", offset=first_line)
        .with_columns(pl.col("line_number").cast(pl.Int64), content.str.strip_suffix("\r"))
        .filter(content.str.strip_chars() != "")
        .with_columns(columns=content.str.count_matches("\t", literal=True).cast(pl.Int32) + 1)
        .with_columns(  # seen in the wild: one tab too many at the end
            text=pl.when((pl.col("columns") == columns + 1) & content.str.ends_with("\t"))
            .then(content.str.head(-1))
            .otherwise(content),
            columns=pl.when((pl.col("columns") == columns + 1) & content.str.ends_with("\t"))
            .then(columns)
            .otherwise("columns"),
        )
        .with_columns(
            reason=pl.when(content.str.len_bytes() > LINE_BYTES)
            .then(pl.lit("line_too_long"))
            .when(content.str.contains("\0", literal=True))
            .then(pl.lit("nul_byte"))
            .when(invalid & content.str.contains("\ufffd", literal=True))
            .then(pl.lit("invalid_utf8"))
            .when(~pl.col("columns").is_between(fields.least_columns, columns))
            .then(pl.lit("column_count"))
        )
        .collect()
    )
    good = checked.filter(pl.col("reason").is_null())
    rejected = checked.filter(pl.col("reason").is_not_null()).select(
        "line_number", "reason", raw=content.str.slice(0, RAW_CHARACTERS)
    )
    if good.is_empty():
        return Parsed(_no_lines(), rejected)
    padded = good.select(content + pl.lit("\t-").repeat_by(columns - pl.col("columns")).list.join(""))
    frame = _read_columns("\n".join(padded["text"].to_list()).encode(), fields)
    assert frame is not None  # every line was brought to the full number of columns
    numbered = frame.with_columns(good["line_number"])
    return Parsed(to_lines(numbered.lazy(), fields).collect(), rejected)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- JSON lines and Parquet -----------------------------------------------------------------------------------------


def _parse_json(text: bytes, names: tuple[str, ...], first_line: int) -> Parsed:
    numbered = [(number, line) for number, line in enumerate(text.split(b"\n"), first_line) if line.strip()]
    good: list[tuple[int, bytes]] = []
    rejected: list[Rejected] = []
    for number, line in numbered:
        reason = _check_json(line)
        if reason is None:
            good.append((number, line))
        else:
            rejected.append(Rejected(number, reason, line[: RAW_CHARACTERS * 4].decode("utf-8", "replace")))
    refused = pl.DataFrame(
        {
            "line_number": [line.line_number for line in rejected],
            "reason": [line.reason for line in rejected],
            "raw": [line.raw[:RAW_CHARACTERS] for line in rejected],
        },
        schema=REJECTED_COLUMNS,
    )
    if not good:
        return Parsed(_no_lines(), refused)
    frame = pl.read_ndjson(
        io.BytesIO(b"\n".join(line for _, line in good)), schema=dict.fromkeys(names, pl.String)
    ).with_columns(line_number=pl.Series([number for number, _ in good], dtype=pl.Int64))
    return Parsed(_named_rows(frame), refused)


def _check_json(line: bytes) -> str | None:
    if len(line) > LINE_BYTES:
        return "line_too_long"
    if b"\0" in line:
        return "nul_byte"
    try:
        value = json.loads(line)
    except UnicodeDecodeError:
        return "invalid_utf8"
    except ValueError:
        return "invalid_json"
    return None if isinstance(value, dict) else "invalid_json"


def _parse_rows(rows: pa.Table, first_line: int) -> Parsed:
    frame = pl.DataFrame(rows).cast(pl.String).with_row_index("line_number", offset=first_line)
    return Parsed(_named_rows(frame.with_columns(pl.col("line_number").cast(pl.Int64))))


def _named_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows whose columns are CloudFront's own names; a null is the same as `-`."""
    names = [name for name in frame.columns if name != "line_number"]
    fields = read_field_list(names)
    renamed = frame.rename(dict(zip(names, fields.names, strict=True)))
    return to_lines(renamed.lazy().with_columns(pl.col(fields.names).fill_null("-")), fields).collect()
