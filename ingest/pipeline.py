"""Works ahead and behind: two threads fetch, decompress and sort the lines of objects, a third builds the facts of a
batch, while the batch before it is committed; a fourth lets the roll-ups catch up with what was committed."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from typing import TypeVar

from ingest.reading.objects import OpenedObject, Sorting, Stretch, UnreadObject, read_objects
from ingest.sources import Source

_WORKING = 2  # bundles that are worked on at the same time
_BUNDLES_AHEAD = 6
_STRETCHES_AHEAD = 2  # of each bundle
_SMALL_BYTES = 2**16  # of an object as stored that is read with others
_BUNDLE_BYTES = 2**20
_BUNDLE_OBJECTS = 500
_FETCHING = 16  # objects of a bundle that are fetched at the same time

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class _Reader(threading.Thread):
    """Reads the objects of a bundle one after another."""

    def __init__(
        self, source: Source, bundle: Sequence[UnreadObject], sorting: Sorting, working: threading.Semaphore
    ) -> None:
        super().__init__(daemon=True, name="clickledger-reader")
        self._source = source
        self._bundle = bundle
        self._sorting = sorting
        self._working = working
        self._stretches: queue.Queue[Stretch | BaseException | None] = queue.Queue(_STRETCHES_AHEAD)
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            with closing(self._opened()) as opened:
                self._put(chain(read_objects(opened, self._source, self._sorting), [None]))
        except BaseException as error:  # raised again where the lines are used
            self._put(iter([error]))

    def stretches(self) -> Iterator[Stretch]:
        while (stretch := self._stretches.get()) is not None:
            if isinstance(stretch, BaseException):
                raise stretch
            yield stretch

    def stop(self) -> None:
        self._stopped.set()

    def _opened(self) -> Generator[OpenedObject]:
        """The objects of the bundle. Where every opening waits for a network, many are opened at the same time."""
        if not self._source.is_remote or len(self._bundle) == 1:
            for item, progress in self._bundle:
                yield item, progress, partial(self._source.open, item)
            return
        with ThreadPoolExecutor(_FETCHING, "clickledger-fetcher") as fetchers:
            fetched: deque[OpenedObject] = deque()
            for item, progress in self._bundle:
                fetched.append((item, progress, fetchers.submit(self._source.open, item).result))
                if len(fetched) > 2 * _FETCHING:
                    yield fetched.popleft()
            yield from fetched

    def _put(self, stretches: Iterator[Stretch | BaseException | None]) -> None:
        while not self._stopped.is_set():
            with self._working:  # given back while the queue is full: the bundle in front must never wait for others
                try:
                    stretch = next(stretches)
                except StopIteration:
                    return
            while not self._stopped.is_set():
                try:
                    self._stretches.put(stretch, timeout=0.5)
                    break
                except queue.Full:
                    continue


def prefetch(source: Source, unread: Iterable[UnreadObject], sorting: Sorting) -> Generator[Stretch]:
    """Every line of every object, in order; each object ends with an `ObjectEnd`. Closing it stops the threads."""
    waiting = _bundles(unread)
    readers: deque[_Reader] = deque()
    working = threading.Semaphore(_WORKING)

    def start_next() -> None:
        bundle = next(waiting, None)
        if bundle is not None:
            readers.append(_Reader(source, bundle, sorting, working))
            readers[-1].start()

    for _ in range(_BUNDLES_AHEAD):
        start_next()
    try:
        while readers:
            yield from readers[0].stretches()
            readers.popleft()
            start_next()
    finally:
        for reader in readers:
            reader.stop()


def _bundles(unread: Iterable[UnreadObject]) -> Iterator[list[UnreadObject]]:
    """Small objects that follow one another together, larger ones alone."""
    bundle: list[UnreadObject] = []
    size = 0
    for one in unread:
        item = one[0]
        is_full = len(bundle) == _BUNDLE_OBJECTS or size + item.size > _BUNDLE_BYTES
        if bundle and (is_full or item.size > _SMALL_BYTES or bundle[-1][0].size > _SMALL_BYTES):
            yield bundle
            bundle, size = [], 0
        bundle.append(one)
        size += item.size
    if bundle:
        yield bundle


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
