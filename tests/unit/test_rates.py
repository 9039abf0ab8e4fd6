"""Limits in memory: exact while nobody else is asked, and forgotten in time."""

from __future__ import annotations

import threading

from limits import RateLimitItemPerSecond

from analytics_core.access.rates import Rates


def test_counting_starts_no_threads_and_forgets_who_is_over() -> None:
    rates = Rates("memory://")
    rates.take(RateLimitItemPerSecond(1), "first")
    before = threading.active_count()
    for caller in range(2_000):
        rates.take(RateLimitItemPerSecond(1), str(caller))

    assert threading.active_count() <= before
    storage = rates._limiter.storage  # pyright: ignore[reportPrivateUsage]
    assert len(storage.expirations) > 2_000
    for key in storage.expirations:
        storage.expirations[key] = 0
    storage._next_look = 0
    rates.take(RateLimitItemPerSecond(1), "last")
    assert len(storage.expirations) == 1
