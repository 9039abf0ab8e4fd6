"""An object's bytes as blocks of whole lines: decompressed, told apart by content, bounded in size.

What cannot be had from an object (a truncated tail, a line without end) becomes a Rejected line; an object that is no
CloudFront log at all raises UnknownFormatError.
"""

from __future__ import annotations

import codecs
import io
import json
import zlib
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from isal import isal_zlib

from ingest.cloudfront import Fields, UnknownFormatError, fields_of_directive, read_field_list

BLOCK_BYTES: Final = 8 * 2**20
LINE_BYTES: Final = 64 * 2**10
_READ_BYTES: Final = 2**20
_SALVAGED_BYTES: Final = 2**12
_COUNTED_BYTES: Final = 2**18  # what stays in the cache
_PARQUET_ROWS: Final = 32_768


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that could not be read: its number in the object (from 1), why, and its beginning."""

    line_number: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Tabbed:
    """Tab-separated lines of one field list."""

    text: bytes
    fields: Fields


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object a line; `names` are the keys that the first lines of the object show."""

    text: bytes
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParquetRows:
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of one object. After it, `position` (bytes of text, or Parquet rows) and `lines` have been read."""

    content: Tabbed | JsonLines | ParquetRows | Rejected
    first_line: int
    position: int
    lines: int

    @property
    def size(self) -> int:
        match self.content:
            case Tabbed(text) | JsonLines(text):
                return len(text)
            case ParquetRows(rows):
                return rows.nbytes
            case Rejected():
                return 0


def read_blocks(
    stream: IO[bytes],
    realtime_fields: Fields,
    position: int = 0,
    *,
    size: int | None = None,
    is_growing: bool = False,
) -> Generator[Block, None, bool]:
    """Blocks of the object in order, from `position` on. Raises UnknownFormatError before the first block.

    `size`: bytes of a plain object to read, however much longer it is by now. Returns True when it `is_growing` and its
    last line was left, since its end is not there yet.
    """
    start = stream.read(4)
    if start == b"PAR1":
        stream.seek(0)
        yield from _parquet_blocks(stream, position)
        return False
    is_packed = start[:2] == b"\x1f\x8b"
    texts = _whole_lines(_gunzip(start, stream) if is_packed else _plain(start, stream, size), is_growing=is_growing)
    return (yield from _text_blocks(texts, realtime_fields, position))


def count_byte(text: bytes, byte: bytes) -> int:
    """Like `text.count(byte)`, several times faster, and other threads go on meanwhile."""
    every = np.frombuffer(text, dtype=np.uint8)
    wanted = byte[0]
    return sum(
        int(np.count_nonzero(every[start : start + _COUNTED_BYTES] == wanted))
        for start in range(0, len(every), _COUNTED_BYTES)
    )


# --- text -----------------------------------------------------------------------------------------------------------


def _plain(start: bytes, stream: IO[bytes], size: int | None) -> Generator[bytes, None, str | None]:
    data = start if size is None else start[:size]
    left = None if size is None else size - len(data)
    while data:
        yield data
        data = stream.read(_READ_BYTES if left is None else min(_READ_BYTES, left))
        left = None if left is None else left - len(data)
    return None


def _gunzip(start: bytes, stream: IO[bytes]) -> Generator[bytes, None, str | None]:
    """The text of one or more gzip members; returns why the rest is missing, or None at a proper end."""
    data, member = start, isal_zlib.decompressobj(31)
    read = 0
    while True:
        try:
            text = member.decompress(data, _READ_BYTES * 4)
        except isal_zlib.error:  # pyright: ignore[reportGeneralTypeIssues]  (its stub types the class as a value)
            yield from _salvage(stream, read)
            return "corrupt_gzip"
        read += len(text)
        if text:
            yield text
        if member.eof:
            data = member.unused_data or stream.read(_READ_BYTES)
            if not data.strip(b"\0"):  # the end, or a tape's zero padding
                return None
            member = isal_zlib.decompressobj(31)
            continue
        data = member.unconsumed_tail or (b"" if text and len(text) == _READ_BYTES * 4 else stream.read(_READ_BYTES))
        if not data and not text:
            return "truncated_gzip"


def _salvage(stream: IO[bytes], read: int) -> Iterator[bytes]:
    """The text between its first `read` bytes and the damage: gone through again, at the end byte by byte."""
    stream.seek(0)
    member = zlib.decompressobj(31)
    data = b""
    while data := data or stream.read(_SALVAGED_BYTES):
        before = member.copy()
        try:
            text = member.decompress(data)
        except zlib.error:
            if len(data) == 1:
                return
            member = before
            half = len(data) // 2
            stream.seek(half - len(data), io.SEEK_CUR)
            data = data[:half]
            continue
        data = b""
        if member.eof:
            stream.seek(-len(member.unused_data), io.SEEK_CUR)
            member = zlib.decompressobj(31)
        if text[read:]:
            yield text[read:]
        read = max(0, read - len(text))


@dataclass(frozen=True, slots=True)
class _Text:
    text: bytes  # whole lines
    rejected: str | None = None  # instead of whole lines: the reason why this is one rejected line
    is_open: bool = False  # instead of whole lines: the beginning of one that may still be written


def _whole_lines(pieces: Generator[bytes, None, str | None], *, is_growing: bool) -> Iterator[_Text]:
    """Joins pieces to texts of about BLOCK_BYTES that end with a line; an endless line is cut out as rejected."""
    held: list[bytes] = []
    size = 0
    cut: str | None = None
    while True:
        try:
            piece = next(pieces)
        except StopIteration as stop:
            cut = stop.value
            break
        held.append(piece)
        size += len(piece)
        if size < BLOCK_BYTES:
            continue
        end = piece.rfind(b"\n") + 1
        if end:
            yield _Text(b"".join([*held[:-1], piece[:end]]))
            held, size = [piece[end:]], len(piece) - end
        elif (end := (joined := b"".join(held)).rfind(b"\n") + 1) > 0:
            yield _Text(joined[:end])
            held, size = [joined[end:]], len(joined) - end
        else:  # no end in sight: drop what is not needed to show it
            tail = yield from _skip_endless_line(joined, pieces)
            held, size = [tail], len(tail)
    rest = b"".join(held)
    if cut is None and not is_growing:
        if rest:
            yield _Text(rest)
        return
    end = rest.rfind(b"\n") + 1
    if end:
        yield _Text(rest[:end])
    if cut is not None:
        yield _Text(rest[end:], rejected=cut)
    elif rest[end:]:
        yield _Text(rest[end:], is_open=True)


def _skip_endless_line(start: bytes, pieces: Generator[bytes, None, str | None]) -> Generator[_Text, None, bytes]:
    for piece in pieces:
        end = piece.find(b"\n")
        if end >= 0:
            yield _Text(start[:LINE_BYTES], rejected="line_too_long")
            return piece[end + 1 :]
    yield _Text(start[:LINE_BYTES], rejected="line_too_long")
    return b""


def _text_blocks(texts: Iterator[_Text], realtime_fields: Fields, start: int) -> Generator[Block, None, bool]:
    position = line = 0
    fields: Fields | None = None
    names: tuple[str, ...] | None = None
    is_first = True
    for piece in texts:
        if piece.is_open:
            return True
        if piece.rejected is not None:
            position, line = position + max(len(piece.text), 1), line + 1
            if position > start:
                shown = piece.text.decode("utf-8", "replace")
                yield Block(Rejected(line, piece.rejected, shown), line, position, line)
            continue
        if is_first:
            is_first = False
            names, fields = _tell_apart(piece.text, realtime_fields)
        for stretch in _stretches(piece.text, start - position, with_headers=names is None):
            first_line = line + 1
            position, line = position + len(stretch), line + count_byte(stretch, b"\n") + (not stretch.endswith(b"\n"))
            if names is None and stretch.startswith(b"#"):
                fields = _directive(stretch, fields)
            elif position > start and names is not None:
                yield Block(JsonLines(stretch, names), first_line, position, line)
            elif position > start and fields is not None:
                yield Block(Tabbed(stretch, fields), first_line, position, line)
    return False


def _tell_apart(text: bytes, realtime_fields: Fields) -> tuple[tuple[str, ...] | None, Fields | None]:
    """(keys of JSON lines, field list unless a header will say it). Raises UnknownFormatError."""
    head = text[: 2**20].removeprefix(codecs.BOM_UTF8).lstrip()
    if head.startswith(b"{"):
        names = _json_keys(head)
        read_field_list(names)
        return names, None
    if head.startswith(b"#"):
        lines = head.split(b"\n", 50)
        if not any(line.startswith(b"#Fields:") for line in lines):
            raise UnknownFormatError("a header without #Fields:")
        return None, None
    columns = len(realtime_fields.names)
    tabs = {line.count(b"\t") + 1 for line in head.split(b"\n", 1000)[:1000] if line.strip()}
    if head and columns not in tabs:
        raise UnknownFormatError(f"no header, and no line has the {columns} columns of the source's field list")
    return None, realtime_fields


def _json_keys(head: bytes) -> tuple[str, ...]:
    keys: dict[str, None] = {}
    for line in head.split(b"\n", 100)[:100]:
        with suppress(ValueError, RecursionError):
            value = json.loads(line)
            keys.update(dict.fromkeys(value if isinstance(value, dict) else ()))
    return tuple(key for key in keys if key.isascii())


def _stretches(text: bytes, read: int, *, with_headers: bool) -> Iterator[bytes]:
    """Cuts the text where an earlier reading stopped (after `read` bytes, the end of a line), and at header lines: each
    alone, the lines between them together.
    """
    start = 0
    while start < len(text):
        end = len(text)
        if with_headers and text[start : start + 1] == b"#":
            end = text.find(b"\n", start) + 1 or end
        elif with_headers:
            end = _next_header(text, start)
        if start < read < end:
            end = read
        yield text if end - start == len(text) else text[start:end]
        start = end


def _next_header(text: bytes, start: int) -> int:
    """Where the next line that begins with `#` begins. CloudFront encodes `#` in values: few are looked at."""
    place = text.find(b"#", start)
    while place > 0 and text[place - 1 : place] != b"\n":
        place = text.find(b"#", place + 1)
    return place if place > 0 else len(text)


def _directive(line: bytes, fields: Fields | None) -> Fields | None:
    if line.startswith(b"#Fields:"):
        return fields_of_directive(line.decode("utf-8", "replace"))
    return fields


# --- Parquet --------------------------------------------------------------------------------------------------------


def _parquet_blocks(stream: IO[bytes], start: int) -> Iterator[Block]:
    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnknownFormatError("a damaged Parquet file") from error
    read_field_list(file.schema_arrow.names)
    position = 0
    batches = file.iter_batches(batch_size=_PARQUET_ROWS)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk, not the content
                raise
            yield Block(Rejected(position + 1, "damaged_parquet", ""), position + 1, position + 1, position + 1)
            return
        if batch is None:
            return
        first_line, position = position + 1, position + batch.num_rows
        if position > start:
            yield Block(ParquetRows(pa.Table.from_batches([batch])), first_line, position, position)
