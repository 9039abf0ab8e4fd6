"""Objects of one source to their lines in buckets: each read in turn, small ones sorted together.

What goes wrong with an object ends it alone, whatever was sorted with it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import IO, Final

import structlog
from polars.exceptions import PanicException

from ingest.clicks.balance import ObjectProgress
from ingest.clicks.buckets import SortedLines
from ingest.reading.blocks import Block, LastLine, read_blocks
from ingest.reading.joined_blocks import JOINED_BYTES, Part, after, can_join, sort_parts
from ingest.reading.log_fields import UnknownFormatError
from ingest.sources import Source, SourceObject

_REASON_CHARACTERS: Final = 255  # what the ledger keeps of why an object was refused

UnreadObject = tuple[SourceObject, ObjectProgress]  # an object, and where to go on with it
OpenedObject = tuple[SourceObject, ObjectProgress, Callable[[], IO[bytes]]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sorting:
    """How blocks are sorted; `hosts`: the version of the hosts that are known."""

    sort: Callable[[Block], SortedLines]
    hosts: str


@dataclass(frozen=True, slots=True)
class ObjectEnd:
    """The end of an object: read whole, refused as a whole (why), or unreadable this time (`failed`).

    `last_line`: unless it is ended, the object is read on when it has grown.
    """

    refused: str | None = None
    failed: bool = False
    last_line: LastLine = "ended"


@dataclass(frozen=True, slots=True)
class ReadObject:
    """How far an object was read: None when no further than before. `end`: None when more of it is to come."""

    item: SourceObject
    progress: ObjectProgress | None
    end: ObjectEnd | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines of one object or several in their buckets (`rejected` with key and version), of `size` bytes of text, and
    how far each of the objects has been read with them. None: no lines."""

    found: SortedLines | None
    size: int
    objects: tuple[ReadObject, ...]


@dataclass(slots=True)
class _Reading:
    """An object that is being read. `blocks` wait to be sorted; `progress` is how far it was sorted."""

    item: SourceObject
    progress: ObjectProgress
    open: Callable[[], IO[bytes]]
    blocks: list[Block] = field(default_factory=list[Block])
    end: ObjectEnd | None = None
    has_moved: bool = False  # on since it was last told

    def move(self, progress: ObjectProgress) -> None:
        self.progress = progress
        self.has_moved = True

    def fail(self) -> None:
        log.exception("object_unreadable", key=self.item.key)
        self.end = ObjectEnd(failed=True)

    def reached(self) -> ReadObject:
        end = self.end
        if end is not None and not end.failed and end.last_line == "ended":
            self.move(replace(self.progress, complete=True, refused=end.refused))
        told = ReadObject(self.item, self.progress if self.has_moved else None, end)
        self.has_moved = False
        return told


def read_objects(objects: Iterable[OpenedObject], source: Source, sorting: Sorting) -> Iterator[Stretch]:
    """Every line of every object, in order; each object ends with an `ObjectEnd`."""
    waiting: list[_Reading] = []
    size = 0
    before: Block | None = None  # of those that wait
    for item, progress, open_ in objects:
        reading = _Reading(item, progress, open_)
        waiting.append(reading)
        with closing(_blocks(reading, source)) as blocks:
            for block in blocks:
                if before is not None and not can_join(before, block):
                    yield from _sort(waiting, sorting)
                    waiting, size, before = [reading], 0, None
                if reading.end is None:
                    reading.blocks.append(block)
                    before, size = block, size + block.size
                if size >= JOINED_BYTES:
                    yield from _sort(waiting, sorting)
                    waiting, size, before = [reading], 0, None
                if reading.end is not None:  # lines of it could not be sorted, which was told
                    waiting = []
                    break
    yield from _sort(waiting, sorting)


def _sort(readings: Sequence[_Reading], sorting: Sorting) -> Iterator[Stretch]:
    """What waits in the objects; one whose lines cannot be sorted fails alone."""
    parts = [(reading, block) for reading in readings for block in reading.blocks]
    found: SortedLines | None = None
    if parts:
        try:
            named = [Part(reading.item.key, reading.item.version, block) for reading, block in parts]
            sorted_ = sort_parts(named, sorting.sort)
        except (Exception, PanicException):  # a defect, ours or a library's
            if len(readings) > 1:
                for reading in readings:
                    yield from _sort([reading], sorting)
                return
            readings[0].fail()
            parts = []
        else:
            found = sorted_.found
            for (reading, block), unknown in zip(parts, sorted_.unknown_hosts, strict=True):
                reading.move(after(reading.progress, block, unknown, sorting.hosts))
    for reading in readings:
        reading.blocks.clear()
    yield Stretch(found, sum(block.size for _, block in parts), tuple(reading.reached() for reading in readings))


def _blocks(reading: _Reading, source: Source) -> Generator[Block]:
    item = reading.item
    try:
        with reading.open() as stream:
            fields, position = source.config.fields, reading.progress.position
            last_line = yield from read_blocks(stream, fields, position, size=item.size, is_growing=item.is_growing)
    except UnknownFormatError as error:
        reading.end = ObjectEnd(refused=str(error).replace("\0", "\ufffd")[:_REASON_CHARACTERS])
    except OSError as error:
        log.warning("object_unreadable", key=item.key, error=str(error))
        reading.end = ObjectEnd(failed=True)
    except (Exception, PanicException):  # a defect of a reader, ours or a library's: the other objects go on
        log.exception("object_unreadable", key=item.key)
        reading.end = ObjectEnd(failed=True)
    else:
        reading.end = ObjectEnd(last_line=last_line)
