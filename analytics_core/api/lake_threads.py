"""Routes that wait for the lake do so on threads of their own: however slow it is, others find a thread at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import Final, ParamSpec, TypeVar

from analytics_core.errors import StoreUnavailableError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class LakeThreads:
    """At most `count` calls run at once, at most `most_waiting` wait for one to end, and the others are refused.

    A call that runs keeps its thread until it ends, also when nobody waits for it any more; one that waits is dropped
    then.
    """

    def __init__(self, name: str, count: int, most_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._most = count + most_waiting
        self._lock = threading.Lock()
        self._unfinished = 0

    def route(self, endpoint: Callable[_P, _T]) -> Callable[_P, Awaitable[_T]]:
        """The endpoint, run on these threads."""

        @wraps(endpoint)
        async def run(*arguments: _P.args, **named: _P.kwargs) -> _T:
            return await self.run(partial(endpoint, *arguments, **named))

        return run

    async def run(self, call: Callable[[], _T]) -> _T:
        """What the call returns, or raises; StoreUnavailableError when too many wait already."""
        with self._lock:
            if self._unfinished >= self._most:
                raise StoreUnavailableError("The lake is slow, and too many wait for it; ask again.", retry_after=5)
            self._unfinished += 1
        future = self._executor.submit(copy_context().run, call)
        future.add_done_callback(self._forget)
        return await asyncio.wrap_future(future)

    def _forget(self, _: Future[_T]) -> None:
        with self._lock:
            self._unfinished -= 1


QUESTIONS: Final = LakeThreads("questions", count=32, most_waiting=256)
PROBES: Final = LakeThreads("probes", count=8, most_waiting=64)  # open to anybody: they keep no question waiting
