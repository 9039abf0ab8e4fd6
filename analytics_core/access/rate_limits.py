"""How often one caller may ask: counted in this process, or in Redis for all processes together."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Final

import structlog
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from analytics_core.errors import SettingsError

log = structlog.get_logger()

_FORGET_SECONDS: Final = 30
_STORE_TIMEOUT: Final = 1  # seconds


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a caller after a request. `reset_seconds`: until there is room for more."""

    is_within: bool
    limit: int
    remaining: int
    reset_seconds: int
    window_seconds: int


class _Memory(MemoryStorage):
    """Forgets what is over once in a while: the library's own way is a thread every 10 ms that looks at every caller,
    which is most of what a process does when it has many of them, and keeps an empty list of each for ever.
    """

    def __init__(self) -> None:
        self._one_at_a_time = threading.RLock()
        self._next_look = 0.0
        super().__init__()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        with self._one_at_a_time:
            return super().acquire_entry(key, limit, expiry, amount)

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        with self._one_at_a_time:
            return super().get_moving_window(key, limit, expiry)

    def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802  (the name that the library's own method has)
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _FORGET_SECONDS
            self._MemoryStorage__expire_events()  # type: ignore[attr-defined]
            for key in [key for key, events in self.events.items() if not events]:
                del self.events[key]


class RateLimits:
    """Counts requests by caller. Where Redis does not answer, nobody is held back: the numbers matter more."""

    def __init__(self, url: str) -> None:
        options = {"socket_timeout": _STORE_TIMEOUT, "socket_connect_timeout": _STORE_TIMEOUT}
        try:
            storage = (
                _Memory() if url.startswith("memory") else storage_from_string(url, wrap_exceptions=True, **options)
            )
        except Exception as error:  # whatever the storage of this URL raises when it is made
            raise SettingsError("CLICKLEDGER_RATE_LIMIT_URL must be memory:// or redis://host:port/db.") from error
        self.is_local = url.startswith("memory")  # needs no wait
        self._limiter = MovingWindowRateLimiter(storage)

    def take(self, rate: RateLimitItem, caller: str) -> Allowance:
        """Counts one request of the caller."""
        window = rate.get_expiry()
        try:
            is_within = self._limiter.hit(rate, caller)
            stats = self._limiter.get_window_stats(rate, caller)
        except StorageError as error:
            log.warning("rates_not_counted", cause=repr(error))
            return Allowance(True, rate.amount, rate.amount, window, window)
        reset = max(1, math.ceil(stats.reset_time - time.time()))
        return Allowance(is_within, rate.amount, stats.remaining, reset, window)
