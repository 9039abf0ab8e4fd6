"""The rows of a download as they come from the engine. What is wrong from the start is still told as an error."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from threading import Thread
from typing import Final

import polars as pl

from analytics_core.engines.engine import Cancellation
from analytics_core.errors import StoreUnavailableError
from analytics_core.model import Query
from analytics_core.store.file_cache import VanishedFileError

_PATIENCE_SECONDS: Final = 0.5  # for the first rows: some take longer, and a client should not wait for them in silence
_CANCEL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Export:
    """Rows of a download. `frames` gives them once, in order, in frames of `columns` with about 20,000 rows at most;
    close it, unless it was read to its end.

    `columns` are those of `row_schema`, or for single events CLICK_EVENT_COLUMNS or CONVERSION_EVENT_COLUMNS. Errors of
    access and of the question are raised before there is an Export; while reading, only StoreUnavailableError,
    QueryTimeoutError and, after `cancellation.cancel()`, StreamCancelledError can come.
    """

    query: Query
    columns: pl.Schema
    frames: Frames
    data_version: str
    as_of: datetime | None  # asking as of then gives the same rows, whatever is learnt later; None: there are no facts
    cancellation: Cancellation


class Frames:
    """Frames of which the first is being made."""

    def __init__(self, frames: Iterator[pl.DataFrame], cancellation: Cancellation) -> None:
        self._frames = (frame for frame in frames)  # a generator: closing it ends the query that it reads
        self._first = _first(self._frames)
        self._cancellation = cancellation

    def __iter__(self) -> Iterator[pl.DataFrame]:
        try:
            frame = self._first.result()
            if frame is not None:
                yield frame
                yield from self._frames
        except VanishedFileError as error:
            raise lacking() from error

    def check_begin(self) -> None:
        """Raises what is wrong with the first frame, if that shows in half a second.

        So it still can be asked again on a newer snapshot; half a download cannot.
        """
        wait([self._first], _PATIENCE_SECONDS)
        if self._first.done():
            self._first.result()

    def close(self) -> None:
        """Ends the query and gives back what it holds in the engine. No thread may be reading the frames any more."""
        while not self._first.done():
            self._cancellation.cancel()
            wait([self._first], _CANCEL_SECONDS)
        self._frames.close()


def lacking() -> StoreUnavailableError:
    return StoreUnavailableError("The lake lacks a file that it names; nothing was lost.")


def _first(frames: Generator[pl.DataFrame]) -> Future[pl.DataFrame | None]:
    """None without any. It is made by a thread of its own."""
    first: Future[pl.DataFrame | None] = Future()

    def make() -> None:
        try:
            first.set_result(next(frames, None))
        except BaseException as error:
            first.set_exception(error)

    Thread(target=make, name="first-rows", daemon=True).start()
    return first
