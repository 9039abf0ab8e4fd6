"""Gzip to text: fast while all is well, and to the last byte that can be had where it is not.

What was compressed once more, as Firehose does with records that were compressed already, is unpacked once more.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from isal import isal_zlib

if TYPE_CHECKING:
    from zlib import _Decompress as Decompressor  # pyright: ignore[reportPrivateUsage]  (it has no public name)

_READ_BYTES: Final = 2**20
_TEXT_BYTES: Final = 4 * 2**20
_GZIP: Final = 31  # window bits: a gzip header, the largest window

Texts = Generator[bytes, None, str | None]  # pieces of text; in the end why the rest is missing, None when none is


class Stream(Protocol):
    """What bytes are read from, and read again from the beginning."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, /) -> int: ...


def is_gzip(start: bytes) -> bool:
    return start.startswith(b"\x1f\x8b")


def gunzip_again(texts: Texts, stream: Stream) -> Texts:
    """The text of gzip in gzip. `texts`: what gunzip gives of `stream`, from its beginning on."""
    within = _Unpacked(texts, stream)
    return (yield from gunzip(b"", within)) or within.missing


def gunzip(start: bytes, stream: Stream) -> Texts:
    """The text of one or more gzip members; returns why the rest is missing, or None at a proper end.

    `start` is what was read of `stream` already, its beginning.
    """
    data, member = start, isal_zlib.decompressobj(_GZIP)
    given = 0
    while True:
        try:
            text = member.decompress(data, _TEXT_BYTES)
        except isal_zlib.error:  # pyright: ignore[reportGeneralTypeIssues]  (its stub types the class as a value)
            yield from _what_is_left(stream, given)
            return "corrupt_gzip"
        if text:
            given += len(text)
            yield text
        if member.eof:
            data = member.unused_data or stream.read(_READ_BYTES)
            if not data.strip(b"\0"):  # the end, or a tape's zero padding
                return None
            member = isal_zlib.decompressobj(_GZIP)
            continue
        data = member.unconsumed_tail or (b"" if text and len(text) == _TEXT_BYTES else stream.read(_READ_BYTES))
        if not data and not text:
            return "truncated_gzip"


def _what_is_left(stream: Stream, given: int) -> Iterator[bytes]:
    """The text after the first `given` bytes, up to the byte at which a decoder must give up.

    A decoder that fails gives nothing of what it had decoded in that call (a wrong checksum: all of the last lines), so
    this one can go back a step, and take a smaller one.
    """
    stream.seek(0)
    data, member, step = b"", zlib.decompressobj(_GZIP), _TEXT_BYTES
    while True:
        before = member.copy()
        try:
            text = member.decompress(data, step)
        except zlib.error:
            if step == 1:  # the last byte, if there is one, comes in one call with the check of the sum behind it
                yield from _byte_by_byte(before, data, given)
                return
            member, step = before, step // 2
            continue
        if len(text) > given:
            yield text[given:]
        given = max(0, given - len(text))
        if member.eof:
            data, member = member.unused_data, zlib.decompressobj(_GZIP)
        else:
            data = member.unconsumed_tail
        if not data and len(text) < step:
            data = stream.read(_READ_BYTES)
            if not data:
                return


def _byte_by_byte(member: Decompressor, data: bytes, given: int) -> Iterator[bytes]:
    """The text that comes before the byte of `data` at which the decoder fails."""
    with suppress(zlib.error):
        for place in range(len(data)):
            text = member.decompress(data[place : place + 1])
            if len(text) > given:
                yield text[given:]
            given = max(0, given - len(text))


class _Unpacked:
    """What is in gzip, as a stream. `missing`: why it ended too early, once it has."""

    def __init__(self, texts: Texts, stream: Stream) -> None:
        self._texts = texts
        self._stream = stream
        self._held = memoryview(b"")
        self.missing: str | None = None

    def read(self, size: int, /) -> bytes:
        while not self._held:
            try:
                self._held = memoryview(next(self._texts))
            except StopIteration as stop:
                self.missing = stop.value or self.missing
                return b""
        given, self._held = self._held[:size], self._held[size:]
        return bytes(given)

    def seek(self, offset: int, /) -> int:
        self._stream.seek(offset)
        self._texts, self._held = gunzip(b"", self._stream), memoryview(b"")
        return offset
