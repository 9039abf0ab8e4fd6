"""Blocks to lines: one row a log line in the columns of LINE_COLUMNS, and the lines that could not be read."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
import pyarrow as pa

from ingest.reading.blocks import Block, JsonLines, ParquetRows, Rejected, Tabbed, Unreadable, count_byte
from ingest.reading.log_fields import LINE_BYTES, LINE_COLUMNS, Fields, to_lines

REJECTED_COLUMNS: Final = {"line_number": pl.Int64, "reason": pl.String, "raw": pl.String}
RAW_CHARACTERS: Final = 2_000

_EXTRA: Final = "(extra)"
_ODD: Final = "(odd)"

_Numbered = tuple[int, bytes]  # a line and its number


@dataclass(frozen=True, slots=True)
class ParsedLines:
    """`lines` has LINE_COLUMNS; `rejected` has REJECTED_COLUMNS. Together they are the lines of the block."""

    lines: pl.DataFrame
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED_COLUMNS))


def parse(block: Block) -> ParsedLines:
    """Reads one block. Blank lines are no lines; everything else is in one of the two frames."""
    match block.content:
        case Tabbed(text, fields):
            return _parse_tabbed(text, fields, block.first_line)
        case JsonLines() as content:
            return _parse_json(content, block.first_line)
        case ParquetRows(rows, fields):
            return _parse_rows(rows, fields, block.first_line)
        case Unreadable(text):
            return _reject_all(text, block.first_line, "no_field_list")
        case Rejected(line_number, reason, raw):
            return ParsedLines(_no_lines(), _rejected_frame([Rejected(line_number, reason, raw)]))


def with_raw(rejected: pl.DataFrame, block: Block) -> pl.DataFrame:
    """Adds the beginning of each line, as the block holds it, to (line_number, reason)."""
    places = [number - block.first_line for number in rejected["line_number"].to_list()]
    match block.content:
        case Tabbed(text) | JsonLines(text) | Unreadable(text):
            lines = text.split(b"\n")
            raw = [lines[place][: RAW_CHARACTERS * 4].decode("utf-8", "replace") for place in places]
        case ParquetRows(rows):
            raw = [json.dumps(row, default=str) for row in rows.take(places).to_pylist()]
        case Rejected(raw=text):
            raw = [text] * len(places)
    return rejected.with_columns(raw=pl.Series([text[:RAW_CHARACTERS] for text in raw], dtype=pl.String)).select(
        list(REJECTED_COLUMNS)
    )


def _rejected_frame(rejected: Sequence[Rejected]) -> pl.DataFrame:
    """REJECTED_COLUMNS of rejected lines."""
    columns = {
        "line_number": [line.line_number for line in rejected],
        "reason": [line.reason for line in rejected],
        "raw": [line.raw[:RAW_CHARACTERS] for line in rejected],
    }
    return pl.DataFrame(columns, schema=REJECTED_COLUMNS)


def _reject_all(text: bytes, first_line: int, reason: str) -> ParsedLines:
    lines = enumerate(text.decode("utf-8", "replace").split("\n"), first_line)
    rejected = [Rejected(number, reason, raw) for number, raw in lines if raw.strip()]
    return ParsedLines(_no_lines(), _rejected_frame(rejected))


def _no_lines() -> pl.DataFrame:
    kinds = {"line_number": pl.Int64, "at": pl.Datetime("us", "UTC"), "status": pl.Int16}
    return pl.DataFrame(schema={name: kinds.get(name, pl.String) for name in LINE_COLUMNS})


# --- tab-separated --------------------------------------------------------------------------------------------------


def _parse_tabbed(text: bytes, fields: Fields, first_line: int) -> ParsedLines:
    """Reads the text as columns at once; the few lines with another number of columns are looked at one by one."""
    if not _is_plain(text):
        return _parse_lines(text.decode("utf-8", "replace").split("\n"), fields, first_line, is_utf8=_is_utf8(text))
    is_odd = (pl.col(fields.names[-1]).is_null() | pl.col(_EXTRA).is_not_null()).alias(_ODD)
    rows = to_lines(_columns(text, fields), fields, first_line, is_odd)
    lines, places = rows.drop(_ODD), rows[_ODD].arg_true()
    tabs = (rows.height - places.len()) * (len(fields.names) - 1)
    if places.is_empty() and count_byte(text, b"\t") == tabs:
        return ParsedLines(lines)
    every = text.split(b"\n")
    odd = [every[place] for place in places.to_list()]
    if count_byte(text, b"\t") != tabs + sum(line.count(b"\t") for line in odd):
        return _parse_lines(text.decode().split("\n"), fields, first_line)
    numbers = places.cast(pl.Int64) + first_line
    rest = _parse_lines([line.decode() for line in odd], fields, numbers)
    even = lines.filter(~rows[_ODD])
    lines = even if rest.lines.is_empty() else pl.concat([even, rest.lines]).sort("line_number")
    return ParsedLines(lines, rest.rejected)


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


def _parse_lines(lines: list[str], fields: Fields, numbers: int | pl.Series, *, is_utf8: bool = True) -> ParsedLines:
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
        return ParsedLines(_no_lines(), rejected)
    padded = good.select(content + pl.lit("\t-").repeat_by(columns - pl.col("columns")).list.join(""))
    rows = _columns("\n".join(padded["text"].to_list()).encode(), fields)
    return ParsedLines(to_lines(rows, fields, good["line_number"]), rejected)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- JSON lines and Parquet -----------------------------------------------------------------------------------------


def _parse_json(content: JsonLines, first_line: int) -> ParsedLines:
    good: list[_Numbered] = []
    rejected: list[Rejected] = []
    for number, line in enumerate(content.text.split(b"\n"), first_line):
        reason = _check_json(line) if line.strip() else None
        if reason is not None:
            rejected.append(_rejected_json(number, line, reason))
        elif line.strip():
            good.append((number, line))
    lines = [_no_lines()]
    for read in _read_json(good, content.keys):
        match read:
            case Rejected():
                rejected.append(read)
            case numbers, rows:
                lines.append(_named_rows(rows, content.fields, numbers))
    return ParsedLines(pl.concat(lines), _rejected_frame(sorted(rejected, key=lambda one: one.line_number)))


def _read_json(good: list[_Numbered], keys: Mapping[str, str]) -> Iterator[tuple[pl.Series, pl.DataFrame] | Rejected]:
    """The lines as rows, with their numbers: all at once, unless Polars refuses what Python's parser took for JSON
    (1e999, half a surrogate pair): then by halves, until those lines stand alone.
    """
    if not good:
        return
    objects = io.BytesIO(b"\n".join(line for _, line in good))
    try:
        rows = pl.read_ndjson(objects, schema=dict.fromkeys(keys.values(), pl.String))
        is_whole = rows.height == len(good)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        rows, is_whole = pl.DataFrame(), False
    if is_whole:
        rows.columns = list(keys)
        yield pl.Series([number for number, _ in good], dtype=pl.Int64), rows
    elif len(good) == 1:
        yield _rejected_json(*good[0], "invalid_json")
    else:
        middle = len(good) // 2
        yield from _read_json(good[:middle], keys)
        yield from _read_json(good[middle:], keys)


def _rejected_json(number: int, line: bytes, reason: str) -> Rejected:
    return Rejected(number, reason, line[: RAW_CHARACTERS * 4].decode("utf-8", "replace"))


def _check_json(line: bytes) -> str | None:
    if len(line) > LINE_BYTES:
        return "line_too_long"
    if b"\0" in line:
        return "nul_byte"
    try:
        value = _JSON.decode(line.decode())  # not json.loads, which takes bytes of other encodings and a BOM
    except UnicodeDecodeError:
        return "invalid_utf8"
    except (ValueError, RecursionError):
        return "invalid_json"
    return None if isinstance(value, dict) and not _has_half_a_pair(line, value) else "invalid_json"


def _has_half_a_pair(line: bytes, value: object) -> bool:
    """Half of a surrogate pair (`\\ud83d` alone) is no character; Polars would make something up for it."""
    return b"\\u" in line and not _is_utf8(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_JSON: Final = json.JSONDecoder(parse_constant=_no_constant)  # NaN, Infinity


def _parse_rows(rows: pa.Table, fields: Fields, first_line: int) -> ParsedLines:
    numbers = pl.int_range(first_line, first_line + rows.num_rows, eager=True)
    try:
        return ParsedLines(_named_rows(_as_text(rows), fields, numbers))
    except pa.ArrowInvalid:  # bytes that are no text: the other rows are none the worse
        raw = pl.DataFrame({name: _raw(rows[name]) for name in rows.column_names})
    is_text = pl.Series([all(map(_is_utf8, row)) for row in raw.iter_rows()], dtype=pl.Boolean)
    refused = [
        Rejected(number, "invalid_utf8", b"\t".join(row).decode("utf-8", "replace"))
        for number, row in zip(numbers.filter(~is_text), raw.filter(~is_text).iter_rows(), strict=True)
    ]
    whole = _as_text(rows.filter(is_text.to_arrow()))
    return ParsedLines(_named_rows(whole, fields, numbers.filter(is_text)), _rejected_frame(refused))


def _as_text(rows: pa.Table) -> pl.DataFrame:
    """Every column as String. Raises ArrowInvalid where bytes are no UTF-8, which files claim and nobody checks."""
    texts = pa.Table.from_arrays([column.cast(pa.large_string()) for column in rows.columns], names=rows.column_names)
    texts.validate(full=True)
    return pl.DataFrame(texts)


def _raw(column: pa.ChunkedArray[Any]) -> list[bytes]:
    values = column.to_pylist() if pa.types.is_primitive(column.type) else column.cast(pa.large_binary()).to_pylist()
    return [value if isinstance(value, bytes) else b"-" if value is None else str(value).encode() for value in values]


def _named_rows(rows: pl.DataFrame, fields: Fields, numbers: pl.Series) -> pl.DataFrame:
    """Rows whose columns are called as in the field list; an empty text is the same as a null."""
    with_empty = [column.name for column in rows if (column == "").any()]
    if with_empty:
        texts = pl.col(with_empty)
        rows = rows.with_columns(pl.when(texts != "").then(texts))
    return to_lines(rows.lazy(), fields, numbers)
