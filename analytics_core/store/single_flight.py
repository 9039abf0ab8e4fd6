"""Of many threads that ask the same at once one looks, and all get what it found, or what it failed by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

_SLOW_SECONDS: Final = 3  # a failure that took so long …
_KEPT_SECONDS: Final = 1  # … is given for so long to all who ask: they have waited, or would wait, for the same

_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """Who asks while a look is under way gets what the next one finds: never what was looked at before it asked.

    So nobody waits longer than two looks, and of a store that is silent for one, however many ask.
    """

    def __init__(self, look: Callable[[], _T]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._next: Future[_T] | None = None  # the look that has not begun
        self._failure: tuple[float, BaseException] | None = None  # until when it is given

    def __call__(self) -> _T:
        with self._lock:
            shared, is_first = self._next, self._next is None
            if shared is None:
                shared = self._next = Future()
        if is_first:
            with self._looking:
                with self._lock:
                    self._next = None
                self._end(shared)
        return shared.result()

    def _end(self, shared: Future[_T]) -> None:
        began = time.monotonic()
        if self._failure is not None and began < self._failure[0]:
            shared.set_exception(self._failure[1])
            return
        try:
            shared.set_result(self._look())
        except BaseException as error:
            ended = time.monotonic()
            if ended - began > _SLOW_SECONDS:
                self._failure = ended + _KEPT_SECONDS, error
            shared.set_exception(error)
