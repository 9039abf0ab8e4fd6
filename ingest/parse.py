"""Blocks to lines: one row a log line in the columns of LINE_COLUMNS, and the lines that could not be read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
import pyarrow as pa

from ingest.blocks import LINE_BYTES, Block, JsonLines, ParquetRows, Rejected, Tabbed, count_byte
from ingest.cloudfront import LINE_COLUMNS, Fields, read_field_list, to_lines

REJECTED_COLUMNS: Final = {"line_number": pl.Int64, "reason": pl.String, "raw": pl.String}
RAW_CHARACTERS: Final = 2_000

_EXTRA: Final = "(extra)"
_ODD: Final = "(odd)"


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
    """Reads the text as columns at once; the few lines with another number of columns are looked at one by one."""
    if not _is_plain(text):
        return _parse_lines(text.decode("utf-8", "replace").split("\n"), fields, first_line, is_utf8=_is_utf8(text))
    is_odd = (pl.col(fields.names[-1]).is_null() | pl.col(_EXTRA).is_not_null()).alias(_ODD)
    rows = to_lines(_columns(text, fields), fields, first_line, is_odd).collect(engine="in-memory")
    lines, places = rows.drop(_ODD), rows[_ODD].arg_true()
    tabs = (rows.height - places.len()) * (len(fields.names) - 1)
    if places.is_empty() and count_byte(text, b"\t") == tabs:
        return Parsed(lines)
    every = text.split(b"\n")
    odd = [every[place] for place in places.to_list()]
    if count_byte(text, b"\t") != tabs + sum(line.count(b"\t") for line in odd):
        return _parse_lines(text.decode().split("\n"), fields, first_line)
    numbers = places.cast(pl.Int64) + first_line
    rest = _parse_lines([line.decode() for line in odd], fields, numbers)
    even = lines.filter(~rows[_ODD])
    lines = even if rest.lines.is_empty() else pl.concat([even, rest.lines]).sort("line_number")
    return Parsed(lines, rest.rejected)


def _is_plain(text: bytes) -> bool:
    """True when lines need no look at their characters. Every test is one pass of C over the bytes, or less."""
    return text.isascii() and b"\0" not in text and b"\r" not in text and not _has_long_line(text)


def _has_long_line(text: bytes) -> bool:
    start = 0
    while len(text) - start > LINE_BYTES:
        end = text.rfind(b"\n", start, start + LINE_BYTES + 1)
        if end < 0:
            return True
        start = end + 1
    return False


def _columns(text: bytes, fields: Fields) -> pl.LazyFrame:
    """Columns named as `fields.names`, one row a line, blank ones included. The last is null in a line with too few
    columns, _EXTRA is not in one with too many."""
    return pl.scan_csv(
        text,
        has_header=False,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys([*fields.names, _EXTRA], pl.String),
        truncate_ragged_lines=True,
        extra_columns="ignore",
        missing_columns="insert",
    )


def _parse_lines(lines: list[str], fields: Fields, numbers: int | pl.Series, *, is_utf8: bool = True) -> Parsed:
    """Looks at every line: what makes it unreadable, and what can be mended. `numbers`: of each line, or the first."""
    columns = len(fields.names)
    content = pl.col("text")
    has_tab_too_many = (pl.col("columns") == columns + 1) & content.str.ends_with("\t")  # seen in the wild
    numbered = numbers if isinstance(numbers, pl.Series) else pl.int_range(numbers, numbers + len(lines), eager=True)
    checked = (
        pl.LazyFrame({"line_number": numbered, "text": lines}, schema={"line_number": pl.Int64, "text": pl.String})
        .with_columns(content.str.strip_suffix("\r"))
        .filter(content.str.strip_chars() != "")
        .with_columns(columns=content.str.count_matches("\t", literal=True).cast(pl.Int32) + 1)
        .with_columns(
            text=pl.when(has_tab_too_many).then(content.str.head(-1)).otherwise(content),
            columns=pl.when(has_tab_too_many).then(columns).otherwise("columns"),
        )
        .with_columns(
            reason=pl.when(content.str.len_bytes() > LINE_BYTES)
            .then(pl.lit("line_too_long"))
            .when(content.str.contains("\0", literal=True))
            .then(pl.lit("nul_byte"))
            .when(pl.lit(not is_utf8) & content.str.contains("\ufffd", literal=True))
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
    rows = _columns("\n".join(padded["text"].to_list()).encode(), fields)
    return Parsed(to_lines(rows, fields, good["line_number"]).collect(engine="in-memory"), rejected)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- JSON lines and Parquet -----------------------------------------------------------------------------------------


def _parse_json(text: bytes, names: tuple[str, ...], first_line: int) -> Parsed:
    numbers: list[int] = []
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    rejected: list[Rejected] = []
    for number, line in enumerate(text.split(b"\n"), first_line):
        if not line.strip():
            continue
        row = _json_object(line)
        if isinstance(row, str):
            rejected.append(Rejected(number, row, line[: RAW_CHARACTERS * 4].decode("utf-8", "replace")))
            continue
        numbers.append(number)
        for name, values in columns.items():
            values.append(_as_text(row.get(name)))
    refused = pl.DataFrame(
        {
            "line_number": [line.line_number for line in rejected],
            "reason": [line.reason for line in rejected],
            "raw": [line.raw[:RAW_CHARACTERS] for line in rejected],
        },
        schema=REJECTED_COLUMNS,
    )
    if not numbers:
        return Parsed(_no_lines(), refused)
    rows = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    return Parsed(_named_rows(rows, pl.Series(numbers, dtype=pl.Int64)), refused)


def _json_object(line: bytes) -> dict[str, Any] | str:
    """The object that a line holds, its numbers as they are written; or why it holds none."""
    if len(line) > LINE_BYTES:
        return "line_too_long"
    if b"\0" in line:
        return "nul_byte"
    try:
        value = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
        if b"\\u" in line:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:  # in the bytes, or half of a \ud83d\ude00
        return "invalid_utf8"
    except (ValueError, RecursionError):
        return "invalid_json"
    return value if isinstance(value, dict) else "invalid_json"


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _parse_rows(rows: pa.Table, first_line: int) -> Parsed:
    return Parsed(_named_rows(pl.DataFrame(rows).cast(pl.String), first_line))


def _named_rows(rows: pl.DataFrame, numbers: int | pl.Series) -> pl.DataFrame:
    """Rows whose columns are CloudFront's own names; a null is the same as `-`."""
    fields = read_field_list(rows.columns)
    renamed = rows.rename(dict(zip(rows.columns, fields.names, strict=True))).lazy().fill_null("-")
    return to_lines(renamed, fields, numbers).collect()
