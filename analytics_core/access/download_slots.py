"""How many downloads a process makes at a time: each holds a thread, a part of the engine's memory and a connection."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from analytics_core.errors import RateLimitedError

_RETRY_SECONDS: Final = 10


class DownloadSlots:
    """`most` in all. Half of them at most for one handle (but one at least), so that none keeps out the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_of_handle = max(1, most // 2)
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def take(self, handle: str) -> Callable[[], None]:
        """What gives the slot back. Raises RateLimitedError when there is none."""
        with self._lock:
            if self._taken[handle] >= self._most_of_handle:
                raise RateLimitedError(
                    f"Downloads of one handle are limited to {self._most_of_handle} at a time; try again when one of "
                    "them has ended.",
                    retry_after=_RETRY_SECONDS,
                )
            if self._taken.total() >= self._most:
                raise RateLimitedError(
                    f"Downloads are limited to {self._most} at a time; try again in a moment.",
                    retry_after=_RETRY_SECONDS,
                )
            self._taken[handle] += 1
        return lambda: self._give_back(handle)

    def _give_back(self, handle: str) -> None:
        with self._lock:
            self._taken[handle] -= 1
            self._taken += Counter()  # forgets handles without any
