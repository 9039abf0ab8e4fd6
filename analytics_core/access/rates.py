"""How often one caller may ask: counted in this process, or in Redis for all processes together."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

import structlog
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from analytics_core.errors import SettingsError

log = structlog.get_logger()

_STORE_TIMEOUT: Final = 1  # seconds


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a caller after a request. `reset_seconds`: until there is room for more."""

    is_within: bool
    limit: int
    remaining: int
    reset_seconds: int
    window_seconds: int


class Rates:
    """Counts requests by caller. Where Redis does not answer, nobody is held back: the numbers matter more."""

    def __init__(self, url: str) -> None:
        options = {"socket_timeout": _STORE_TIMEOUT, "socket_connect_timeout": _STORE_TIMEOUT}
        try:
            storage = storage_from_string(url, wrap_exceptions=True, **({} if url.startswith("memory") else options))
        except Exception as error:  # whatever the storage of this URL raises when it is made
            raise SettingsError("CLICKLEDGER_RATE_LIMIT_URL must be memory:// or redis://host:port/db.") from error
        self._limiter = SlidingWindowCounterRateLimiter(storage)

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


def parse_rate(text: str) -> RateLimitItem:
    """`1200/minute`. Raises SettingsError."""
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"CLICKLEDGER_QUERY_RATE: {text!r} is no rate such as 1200/minute.") from error
