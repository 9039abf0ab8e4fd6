"""Works ahead and behind: two threads fetch, decompress and sort the lines of objects, a third builds the facts of a
batch, while the batch before it is committed; a fourth lets the roll-ups catch up with what was committed."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog
from polars.exceptions import PanicException

from ingest.blocks import Block, LastLine, read_blocks
from ingest.cloudfront import UnknownFormatError
from ingest.identity import ObjectProgress
from ingest.redirects import Sorted
from ingest.sources import Source, SourceObject

_WORKING = 2  # objects that are worked on at the same time
_OBJECTS_AHEAD = 6
_BLOCKS_AHEAD = 2  # of each object
_REASON_CHARACTERS = 255  # what the ledger keeps of why an object was refused

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Read:
    """The lines of one block in their buckets. After it, `position` and `lines` of the object have been read."""

    found: Sorted
    size: int  # bytes of text
    position: int
    lines: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an object: read whole, refused as a whole (why), or unreadable this time (`failed`).

    `last_line`: unless it is ended, the object is read on when it has grown.
    """

    refused: str | None = None
    failed: bool = False
    last_line: LastLine = "ended"


class _Reader(threading.Thread):
    def __init__(
        self,
        source: Source,
        item: SourceObject,
        progress: ObjectProgress,
        sort: Callable[[Block], Sorted],
        working: threading.Semaphore,
    ) -> None:
        super().__init__(daemon=True, name="clickledger-reader")
        self.item = item
        self.progress = progress
        self._source = source
        self._sort = sort
        self._working = working
        self._pieces: queue.Queue[Read | Finished | BaseException] = queue.Queue(_BLOCKS_AHEAD)
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            self._put(self._read())
        except BaseException as error:  # raised again where the blocks are used
            self._put(iter([error]))

    def pieces(self) -> Iterator[Read | Finished]:
        while True:
            piece = self._pieces.get()
            if isinstance(piece, BaseException):
                raise piece
            yield piece
            if isinstance(piece, Finished):
                return

    def stop(self) -> None:
        self._stopped.set()

    def _read(self) -> Iterator[Read | Finished]:
        try:
            with self._source.open(self.item) as stream:
                last_line = yield from self._sorted(
                    read_blocks(
                        stream,
                        self._source.config.fields,
                        self.progress.position,
                        size=self.item.size,
                        is_growing=self.item.is_growing,
                    )
                )
        except UnknownFormatError as error:
            yield Finished(refused=str(error).replace("\0", "\ufffd")[:_REASON_CHARACTERS])
        except OSError as error:
            log.warning("object_unreadable", key=self.item.key, error=str(error))
            yield Finished(failed=True)
        except (Exception, PanicException):  # a defect of a reader, ours or a library's: the other objects go on
            log.exception("object_unreadable", key=self.item.key)
            yield Finished(failed=True)
        else:
            yield Finished(last_line=last_line)

    def _sorted(self, blocks: Generator[Block, None, LastLine]) -> Generator[Read, None, LastLine]:
        while True:
            try:
                block = next(blocks)
            except StopIteration as end:
                return end.value
            yield Read(self._sort(block), block.size, block.position, block.lines)

    def _put(self, pieces: Iterator[Read | Finished | BaseException]) -> None:
        while not self._stopped.is_set():
            with self._working:  # given back while the queue is full: the object in front must never wait for others
                piece = next(pieces, None)
            if piece is None:
                return
            while not self._stopped.is_set():
                try:
                    self._pieces.put(piece, timeout=0.5)
                    break
                except queue.Full:
                    continue
            else:
                return


def prefetch(
    source: Source, items: Iterable[tuple[SourceObject, ObjectProgress]], sort: Callable[[Block], Sorted]
) -> Generator[tuple[SourceObject, ObjectProgress, Read | Finished]]:
    """Every block of every object, in order; each object ends with Finished. Closing it stops the threads."""
    waiting = iter(items)
    readers: deque[_Reader] = deque()
    working = threading.Semaphore(_WORKING)

    def start_next() -> None:
        upcoming = next(waiting, None)
        if upcoming is not None:
            readers.append(_Reader(source, *upcoming, sort, working))
            readers[-1].start()

    for _ in range(_OBJECTS_AHEAD):
        start_next()
    try:
        while readers:
            reader = readers[0]
            for piece in reader.pieces():
                yield reader.item, reader.progress, piece
            readers.popleft()
            start_next()
    finally:
        for reader in readers:
            reader.stop()


def one_ahead(make: Callable[[_Item], _Made], items: Generator[_Item]) -> Generator[_Made]:
    """`make` of every item, in order. While what was given is used, the next is being made in a thread."""
    upcoming: Future[_Made] | None = None
    with closing(items), ThreadPoolExecutor(1, "clickledger-builder") as builder:
        for item in items:
            begun = builder.submit(make, item)
            if upcoming is not None:
                yield upcoming.result()
            upcoming = begun
        if upcoming is not None:
            yield upcoming.result()


@contextmanager
def one_behind() -> Generator[Callable[[Callable[[], None]], None]]:
    """A function that begins a task in a thread, after the one that it began before has ended.

    What a task raises is raised when the next one is begun, or at the end, which waits for the last. When the block
    raises something itself, the last task is waited for too, and only the block's error is told.
    """
    begun: Future[None] | None = None

    def begin(task: Callable[[], None]) -> None:
        nonlocal begun
        if begun is not None:
            begun.result()
        begun = worker.submit(task)

    with ThreadPoolExecutor(1, "clickledger-deriver") as worker:
        yield begin
        if begun is not None:
            begun.result()
