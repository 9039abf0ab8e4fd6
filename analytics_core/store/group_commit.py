"""What arrives together is committed together: one writer thread of a process, one transaction for all that waits.

A transaction costs the same wait for the disk whether it holds one row or five hundred. Several processes may each have
a writer on the same database.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from analytics_core.errors import StoreUnavailableError
from analytics_core.store.database import Database, translated

_MOST_TOGETHER: Final = 500

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")

# Writes items in one transaction; one result an item, in their order. It runs again when an item of the same
# transaction fails, so it must write nothing but to the connection.
Write = Callable[[Connection, Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    write: Write
    item: Any
    result: asyncio.Future[Any]


class GroupCommit:
    """The writer. Its thread starts with the first item and again after a `close`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._connection: Connection | None = None

    def submit(
        self, write: Callable[[Connection, Sequence[Item]], Sequence[Result]], item: Item
    ) -> asyncio.Future[Result]:
        """Hands an item in, for the running event loop to wait for.

        Its result is there when it is durable; StoreUnavailableError when it may not be.
        """
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True, name="clickledger-writer")
                self._thread.start()
            self._queue.put(_Waiting(write, item, result))
        return result

    def close(self) -> None:
        """Writes what waits, then ends the thread."""
        with self._starting:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
                thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            waiting = [self._queue.get()]
            while len(waiting) < _MOST_TOGETHER:
                try:
                    waiting.append(self._queue.get_nowait())
                except Empty:
                    break
            is_open = waiting[-1] is not None
            taken = [one for one in waiting if one is not None and not one.result.cancelled()]
            if taken:
                self._write(taken)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self, waiting: Sequence[_Waiting]) -> None:
        try:
            with translated():
                results = self._transaction(waiting)
        except StoreUnavailableError as error:
            _tell(waiting, [_own(error) for _ in waiting])
            log.warning("group_not_committed", items=len(waiting), cause=repr(error.__cause__))
        except Exception as error:  # told to the one who waits for the item
            if len(waiting) == 1:
                _tell(waiting, [error])
                return
            for one in waiting:  # an item that the database refuses must not take the others with it
                self._write([one])
        else:
            _tell(waiting, results)

    def _transaction(self, waiting: Sequence[_Waiting]) -> list[Any]:
        """Commits the items. A connection that was lost while it was idle is opened anew, once."""
        if self._connection is not None:
            try:
                return self._attempt(self._connection, waiting)
            except _BeforeCommitError as failed:
                if not failed.error.connection_invalidated:
                    raise failed.error from None
        try:
            return self._attempt(self._database.engine.connect(), waiting)
        except _BeforeCommitError as failed:
            raise failed.error from None

    def _attempt(self, connection: Connection, waiting: Sequence[_Waiting]) -> list[Any]:
        self._connection = None
        groups: dict[Write, list[int]] = {}
        for place, one in enumerate(waiting):
            groups.setdefault(one.write, []).append(place)
        results: list[Any] = [None] * len(waiting)
        try:
            transaction = connection.begin()
            try:
                if connection.dialect.name == "sqlite":  # a lock that is taken late cannot always be waited for
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                # In one order everywhere: two processes that wait for each other's locks would be a deadlock.
                for write, places in sorted(groups.items(), key=lambda group: group[0].__module__):
                    found = write(connection, [waiting[place].item for place in places])
                    for place, result in zip(places, found, strict=True):
                        results[place] = result
            except DBAPIError as error:
                raise _BeforeCommitError(error) from error
            transaction.commit()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return results


def _tell(waiting: Sequence[_Waiting], outcomes: Sequence[Any]) -> None:
    """Gives each its result or its exception. One call wakes a loop for all of its futures: each is a wait for it."""
    ended: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for one, outcome in zip(waiting, outcomes, strict=True):
        ended.setdefault(one.result.get_loop(), []).append((one.result, outcome))
    for loop, of_loop in ended.items():
        with suppress(RuntimeError):  # a loop that is closed: nobody waits any more
            loop.call_soon_threadsafe(_end, of_loop)


def _end(ended: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for result, outcome in ended:
        if result.done():  # who waited has gone
            continue
        if isinstance(outcome, Exception):
            result.set_exception(outcome)
        else:
            result.set_result(outcome)


def _own(error: StoreUnavailableError) -> StoreUnavailableError:
    """The same for one who waits: an exception that is raised in many tasks gets the context of whichever was last."""
    own = StoreUnavailableError(error.message)
    own.__cause__ = error.__cause__
    return own


class _BeforeCommitError(Exception):
    """Nothing of the transaction can have been committed."""

    def __init__(self, error: DBAPIError) -> None:
        super().__init__(str(error))
        self.error = error
