"""JSON objects that follow one another without line feeds, as Firehose joins them, brought to one a line.

A damaged object costs itself alone: what follows is read from the next place on at which a whole one begins.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Final

import numpy as np

from ingest.reading.gzip_text import Texts
from ingest.reading.log_fields import LINE_BYTES

_HELD_BYTES: Final = 2 * LINE_BYTES

# An object whose values are strings and other scalars, as CloudFront writes it. No quantifier gives back what it took,
# so that a place at which no object begins costs one look.
_SPACE: Final = rb"[ \t\r]*+"
_STRING: Final = rb'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"'
_SCALAR: Final = rb'[^\s"{}\[\],:]++'
_PAIR: Final = _SPACE.join([b"", _STRING, b":", b"(?:" + _STRING + b"|" + _SCALAR + b")", b""])
_OBJECT: Final = re.compile(rb"\{" + _PAIR + b"(?:," + _PAIR + rb")*+\}")
_OPENING, _CLOSING, _LINE_FEED, _RETURN = b"{}\n\r"
_BLANK: Final = re.compile(_SPACE)
_ANY_OBJECT: Final = json.JSONDecoder(strict=False)


def is_json(head: bytes) -> bool:
    """Whether a text that begins with `head` is JSON, also behind a damaged beginning."""
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith((b"{", b"#")):
        return text.startswith(b"{")
    has_columns = b"\t" in text[: text.find(b"\n") + 1]
    return not has_columns and _OBJECT.search(text) is not None


def one_a_line(pieces: Texts) -> Texts:
    """The same text with a line feed between two objects of one line, and without a byte order mark.

    Where a line feed stands does not depend on how the text comes in pieces. Returns what `pieces` returns: why the
    rest of the text is missing. An object that is whole has its end then.
    """
    held: bytes | None = None  # the line that has no end yet, or the end of it
    is_damage = False  # whether it goes on with damage
    while True:
        try:
            piece = next(pieces)
        except StopIteration as stop:
            if held:
                apart = _apart(held, is_damage=is_damage)
                last = apart[apart.rfind(b"\n") + 1 :]
                yield apart + b"\n" if stop.value is not None and _object_end(last, 0) == len(last) else apart
            return stop.value
        text = piece.removeprefix(codecs.BOM_UTF8) if held is None else held + piece
        end = text.rfind(b"\n") + 1
        if end:
            yield _lines_apart(text[:end], is_damage=is_damage)
            is_damage = False
        held = text[end:]
        if len(held) > _HELD_BYTES:
            apart, held, is_damage = _begun_apart(held, is_damage=is_damage)
            yield apart


def _lines_apart(text: bytes, *, is_damage: bool) -> bytes:
    """Whole lines. Nearly always each is one object, which is seen without a look at every one."""
    if not is_damage:
        every = np.frombuffer(text, dtype=np.uint8)
        before = every[np.flatnonzero(every == _OPENING) - 1]  # of the first byte, the last one: a line feed
        behind = every[np.flatnonzero(every == _CLOSING) + 1]
        if (before == _LINE_FEED).all() and ((behind == _LINE_FEED) | (behind == _RETURN)).all():
            return text
    first, *others = text.split(b"\n")
    return b"\n".join([_apart(first, is_damage=is_damage), *map(_apart, others)])


def _apart(line: bytes, *, is_damage: bool = False) -> bytes:
    """A whole line: its objects, and what is none. `is_damage`: it begins with more of what is none."""
    found: list[bytes] = []
    place = 0 if is_damage else _behind_blanks(line, 0)
    while place < len(line):
        end = None if is_damage else _object_end(line, place)
        if end is None:
            end = _next_object(line, place if is_damage else place + 1)
        if end is None:
            end = len(line)
        found.append(line[place:end])
        is_damage, place = False, _behind_blanks(line, end)
    return b"\n".join(found)


def _begun_apart(line: bytes, *, is_damage: bool) -> tuple[bytes, bytes, bool]:
    """The beginning of a line: what is settled of it, the rest, and whether that goes on with damage."""
    settled: list[bytes] = []
    place = 0 if is_damage else _behind_blanks(line, 0)
    while True:
        end = None if is_damage else _object_end(line, place)
        if end is None and not is_damage and len(line) - place <= LINE_BYTES:
            break  # it may become an object
        if end is None:
            end = _next_object(line, place if is_damage else place + 1)
        if end is None:
            rest = max(place, len(line) - LINE_BYTES)  # in which an object may begin
            return b"".join([*settled, line[place:rest]]), line[rest:], True
        after = _behind_blanks(line, end)
        if after == len(line):
            break  # what follows is not known yet
        settled += [line[place:end], b"\n"]
        is_damage, place = False, after
    return b"".join(settled), line[place:], is_damage


def _object_end(line: bytes, place: int) -> int | None:
    """A byte order mark before the object belongs to it, and makes it one that cannot be read."""
    start = place + len(codecs.BOM_UTF8) if line.startswith(codecs.BOM_UTF8, place) else place
    found = _OBJECT.match(line, start)
    if found is not None:
        return found.end()
    try:  # objects in objects. In Latin-1 every byte is one character, and what JSON is made of are the same.
        value, end = _ANY_OBJECT.raw_decode(line[start : start + LINE_BYTES].decode("latin-1"))
    except (ValueError, RecursionError):
        return None
    return start + end if isinstance(value, dict) else None


def _next_object(line: bytes, start: int) -> int | None:
    found = _OBJECT.search(line, start)
    return found and found.start()


def _behind_blanks(line: bytes, place: int) -> int:
    found = _BLANK.match(line, place)
    return found.end() if found is not None else place
