"""An object's bytes as blocks of whole lines: decompressed, told apart by content, bounded in size.

What cannot be had from an object (a truncated tail, a line without end) becomes a Rejected line; an object that is no
CloudFront log at all, or a damaged Parquet file, raises UnknownFormatError.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final, Literal

import numpy as np
import pyarrow as pa

from ingest.reading import json_records
from ingest.reading.gzip_text import Texts, gunzip, gunzip_again, is_gzip
from ingest.reading.json_records import one_a_line
from ingest.reading.log_fields import (
    LINE_BYTES,
    Fields,
    UnknownFormatError,
    fields_of_directive,
    normal_name,
    read_field_list,
)
from ingest.reading.parquet_rows import read_rows

BLOCK_BYTES: Final = 8 * 2**20
_READ_BYTES: Final = 2**20
_HEAD_BYTES: Final = 2**17
_FIELDS: Final = b"#Fields:"
_COUNTED_BYTES: Final = 2**18  # what stays in the cache
_OTHER_DELIMITERS: Final = {b" ": "spaces", b",": "commas", b";": "semicolons", b"|": "vertical bars"}


# What became of the last line: it has its end, or nobody writes any more; it was read without its end, as it says all
# that counts; or it was left.
LastLine = Literal["ended", "read", "left"]


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
    """One JSON object a line, with the field list that the first lines show.

    `keys`: of the fields of which anything is read, the key by its name in the field list.
    """

    text: bytes
    fields: Fields
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ParquetRows:
    """Rows whose columns are called as in the field list: those of which anything is read."""

    rows: pa.Table
    fields: Fields


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Lines of which no header says what their columns are."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of one object. After it, `position` (bytes of text, or Parquet rows) and `lines` have been read."""

    content: Tabbed | JsonLines | ParquetRows | Unreadable | Rejected
    first_line: int
    position: int
    lines: int

    @property
    def size(self) -> int:
        match self.content:
            case Tabbed(text) | JsonLines(text) | Unreadable(text):
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
) -> Generator[Block, None, LastLine]:
    """Blocks of the object in order, from `position` on. Raises UnknownFormatError before the first block.

    `size`: bytes of a plain object to read, however much longer it is by now. When it `is_growing`, its last line may
    have no end yet. Where `position` lies within a tab-separated line, the rest of that line was read with it.
    """
    start = stream.read(4)
    if start == b"PAR1":
        stream.seek(0)
        yield from _parquet_blocks(stream, position)
        return "ended"
    head, pieces = _peeked(gunzip(start, stream) if is_gzip(start) else _plain(start, stream, size))
    if is_gzip(head):
        head, pieces = _peeked(gunzip_again(pieces, stream))
    if is_gzip(head):
        raise UnknownFormatError("compressed three times; gzip is read, and gzip in gzip")
    is_json = json_records.is_json(head)
    texts = _whole_lines(one_a_line(pieces) if is_json else pieces, is_growing=is_growing)
    return (yield from _text_blocks(texts, realtime_fields, position, is_json=is_json))


def count_byte(text: bytes, byte: bytes) -> int:
    """Like `text.count(byte)`, several times faster, and other threads go on meanwhile."""
    every = np.frombuffer(text, dtype=np.uint8)
    wanted = byte[0]
    return sum(
        int(np.count_nonzero(every[start : start + _COUNTED_BYTES] == wanted))
        for start in range(0, len(every), _COUNTED_BYTES)
    )


# --- text -----------------------------------------------------------------------------------------------------------


def _peeked(pieces: Texts) -> tuple[bytes, Texts]:
    """The beginning of the text, and all of it again."""
    first: list[bytes] = []
    end: StopIteration | None = None
    while end is None and sum(map(len, first)) < _HEAD_BYTES:
        try:
            first.append(next(pieces))
        except StopIteration as stop:
            end = stop

    def again() -> Texts:
        yield from first
        return (yield from pieces) if end is None else end.value

    return b"".join(piece[:_HEAD_BYTES] for piece in first), again()


def _plain(start: bytes, stream: IO[bytes], size: int | None) -> Texts:
    data = start if size is None else start[:size]
    left = None if size is None else size - len(data)
    while data:
        yield data
        data = stream.read(_READ_BYTES if left is None else min(_READ_BYTES, left))
        left = None if left is None else left - len(data)
    if left:
        raise OSError(f"it was cut while it was read: {left} bytes that were there are gone")
    return None


@dataclass(frozen=True, slots=True)
class _Text:
    text: bytes  # whole lines
    rejected: str | None = None  # instead of whole lines: the reason why this is one rejected line
    is_open: bool = False  # instead of whole lines: the beginning of one that may still be written


def _whole_lines(pieces: Texts, *, is_growing: bool) -> Iterator[_Text]:
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


def _skip_endless_line(start: bytes, pieces: Texts) -> Generator[_Text, None, bytes]:
    for piece in pieces:
        end = piece.find(b"\n")
        if end >= 0:
            yield _Text(start[:LINE_BYTES], rejected="line_too_long")
            return piece[end + 1 :]
    yield _Text(start[:LINE_BYTES], rejected="line_too_long")
    return b""


def _text_blocks(
    texts: Iterator[_Text], realtime_fields: Fields, start: int, *, is_json: bool
) -> Generator[Block, None, LastLine]:
    position = line = 0
    fields: Fields | None = None
    keys: Mapping[str, str] | None = None  # of JSON
    is_first = True
    is_cut = False  # the line before has no end
    last: LastLine = "ended"
    for piece in texts:
        if piece.is_open and not _is_whole(piece.text, realtime_fields if is_first else fields, is_json=is_json):
            return "left"
        if piece.is_open:
            last = "read"
        if piece.rejected is not None:
            position, line = position + max(len(piece.text), 1), line + 1
            if position > start:
                shown = piece.text.decode("utf-8", "replace")
                yield Block(Rejected(line, piece.rejected, shown), line, position, line)
            continue
        text = piece.text
        if is_first:
            is_first = False
            text = text.removeprefix(codecs.BOM_UTF8)
            keys, fields = _json_keys(text) if is_json else (None, _first_fields(text, realtime_fields))
        for stretch in _stretches(text, start - position, with_headers=not is_json):
            is_rest = is_cut and not is_json
            first_line = line + (not is_cut)
            is_cut = not stretch.endswith(b"\n")
            position, line = position + len(stretch), first_line - 1 + count_byte(stretch, b"\n") + is_cut
            if not is_json and stretch.startswith(b"#"):
                fields = _directive(stretch, fields)
            elif position > start and not is_rest:
                content = _without_open_value(stretch, fields) if piece.is_open and not is_json else stretch
                yield Block(_content(content, keys, fields), first_line, position, line)
    return last


def _is_whole(line: bytes, fields: Fields | None, *, is_json: bool) -> bool:
    """Whether a last line without its end says all that is needed of it, however it may go on: an object of JSON, or a
    line with all its columns, the last of which no click needs."""
    if is_json:
        return _is_object(line)
    if fields is None or line.startswith(b"#"):
        return False
    tabs = line.count(b"\t")
    if tabs == len(fields.names):
        return line.endswith(b"\t")  # one tab too many, seen in the wild, ends the last column
    return tabs == len(fields.names) - 1 and not fields.last_is_needed


def _without_open_value(line: bytes, fields: Fields | None) -> bytes:
    """A last line without its end says nothing in its last column: who writes through a buffer stops anywhere."""
    is_last = fields is not None and line.count(b"\t") == len(fields.names) - 1
    return line[: line.rindex(b"\t") + 1] + b"-" if is_last else line


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _content(text: bytes, keys: Mapping[str, str] | None, fields: Fields | None) -> JsonLines | Tabbed | Unreadable:
    if fields is None:
        return Unreadable(text)
    return Tabbed(text, fields) if keys is None else JsonLines(text, fields, keys)


def _first_fields(text: bytes, realtime_fields: Fields) -> Fields | None:
    """The field list of tab-separated lines; None when a header will say it. Raises UnknownFormatError."""
    head = text.lstrip()[: 2**20]
    if head.startswith(b"#"):
        directive = next((line for line in head.split(b"\n", 50) if line.startswith(_FIELDS)), None)
        if directive is None:
            raise UnknownFormatError("a header without #Fields:")
        fields = fields_of_directive(directive.decode("utf-8", "replace"))
        _refuse_other_delimiters(head, len(fields.names))
        return None
    if head.startswith(b"PAR1"):
        raise UnknownFormatError("a Parquet file in gzip; Parquet is read as it is")
    columns = len(realtime_fields.names)
    tabs = {line.count(b"\t") + 1 for line in head.split(b"\n", 1000)[:1000] if line.strip()}
    if head and columns not in tabs:
        raise UnknownFormatError(
            f"no header, and no line has the {columns} columns of the source's field list: they have "
            f"{' or '.join(str(count) for count in sorted(tabs)[:3])}"
        )
    return realtime_fields


def _refuse_other_delimiters(head: bytes, columns: int) -> None:
    """Deliveries of standard logs (v2) may put something else than a tab between values: no line of them can be read,
    and rejected one by one they would look like damage. Raises UnknownFormatError."""
    lines = [line for line in head.split(b"\n", 1000)[:1000] if not line.startswith(b"#")]
    if any(b"\t" in line for line in lines):
        return
    for delimiter, name in _OTHER_DELIMITERS.items():
        if any(line.count(delimiter) >= columns - 1 for line in lines):
            raise UnknownFormatError(f"{name} between the values of a line; the field delimiter must be a tab")


def _json_keys(text: bytes) -> tuple[Mapping[str, str], Fields]:
    """The keys of the first lines that are JSON, as `JsonLines` has them, and what they are a field list of.

    Of two spellings of one field, the first. Raises UnknownFormatError.
    """
    keys: dict[str, str] = {}
    for line in text.lstrip()[: 2**20].split(b"\n", 100)[:100]:
        with suppress(ValueError, RecursionError):
            value = json.loads(line.decode())
            names = value if isinstance(value, dict) else ()
            "".join(names).encode()  # half a surrogate pair is no character: the line will be rejected
            for key in names:
                keys.setdefault(normal_name(key), key)
    fields = read_field_list(tuple(keys.values()))
    return {name: key for name, key in keys.items() if name in fields.used}, fields


def _stretches(text: bytes, read: int, *, with_headers: bool) -> Iterator[bytes]:
    """Cuts the text where an earlier reading stopped (after `read` bytes), and at header lines: each alone, the lines
    between them together. Of tab-separated lines also where that line ends within which it stopped.
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
        elif with_headers and start == read > 0 and text[read - 1 : read] != b"\n":
            end = text.find(b"\n", start) + 1 or end
        yield text if end - start == len(text) else text[start:end]
        start = end


def _next_header(text: bytes, start: int) -> int:
    """Where the next line that begins with `#` begins. CloudFront encodes `#` in values: few are looked at."""
    place = text.find(b"#", start)
    while place > 0 and text[place - 1 : place] != b"\n":
        place = text.find(b"#", place + 1)
    return place if place > 0 else len(text)


def _directive(line: bytes, fields: Fields | None) -> Fields | None:
    """What a header line makes of the field list: None when it cannot show clicks, a broken one in the middle."""
    if not line.startswith(_FIELDS):
        return fields
    try:
        return fields_of_directive(line.decode("utf-8", "replace"))
    except UnknownFormatError:
        return None


# --- Parquet --------------------------------------------------------------------------------------------------------


def _parquet_blocks(stream: IO[bytes], start: int) -> Iterator[Block]:
    position = 0
    for rows, fields in read_rows(stream):
        first_line, position = position + 1, position + rows.num_rows
        if position > start:
            yield Block(ParquetRows(rows, fields), first_line, position, position)
