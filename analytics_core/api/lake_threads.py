"""Routes that wait for the lake do so on threads of their own: however slow it is, others find a thread at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Final, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from analytics_core.errors import StoreUnavailableError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class LakeThreads:
    """At most `count` calls run at once, at most `most_waiting` wait for one to end, and the others are refused."""

    def __init__(self, name: str, count: int, most_waiting: int) -> None:
        self._count = count
        self._most_waiting = most_waiting
        self._limiter: RunVar[CapacityLimiter] = RunVar(name)  # of each event loop

    def route(self, endpoint: Callable[_P, _T]) -> Callable[_P, Awaitable[_T]]:
        """The endpoint, run on these threads."""

        @wraps(endpoint)
        async def run(*arguments: _P.args, **named: _P.kwargs) -> _T:
            return await self.run(partial(endpoint, *arguments, **named))

        return run

    async def run(self, call: Callable[[], _T]) -> _T:
        """What the call returns, or raises; StoreUnavailableError when too many wait already."""
        limiter = self._limiter.get(None)
        if limiter is None:
            limiter = CapacityLimiter(self._count)
            self._limiter.set(limiter)
        if limiter.statistics().tasks_waiting >= self._most_waiting:
            raise StoreUnavailableError("The lake is slow, and too many wait for it; ask again.", retry_after=5)
        return await to_thread.run_sync(call, limiter=limiter, abandon_on_cancel=True)


QUESTIONS: Final = LakeThreads("questions", count=32, most_waiting=256)
PROBES: Final = LakeThreads("probes", count=8, most_waiting=64)  # open to anybody: they keep no question waiting
