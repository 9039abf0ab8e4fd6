"""Limits in memory: exact while nobody else is asked, and forgotten in time."""

from __future__ import annotations

import threading

import pytest
from limits import RateLimitItemPerHour, RateLimitItemPerSecond

from analytics_core.access.rate_limits import RateLimits

HOUR = RateLimitItemPerHour(120)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says: the one number in the list."""
    said = [1_700_000_000.0]
    monkeypatch.setattr("time.time", lambda: said[0])
    return said


@pytest.mark.parametrize("begin", [0.0, 1.0, 1_795.0, 3_595.0])  # of whatever hour of the clock
def test_no_hour_has_more_than_the_limit_and_none_less(seconds: list[float], begin: float) -> None:
    rates = RateLimits("memory://")
    start = seconds[0] - seconds[0] % 3_600 + begin
    seconds[0] = start
    assert [rates.take(HOUR, "a").is_within for _ in range(121)] == [True] * 120 + [False]

    seconds[0] = start + 3_590
    refused = rates.take(HOUR, "a")
    assert (refused.is_within, refused.remaining, refused.reset_seconds) == (False, 0, 10)
    seconds[0] = start + 3_590 + 11
    assert [rates.take(HOUR, "a").is_within for _ in range(121)] == [True] * 120 + [False]


def test_counting_starts_no_threads_and_forgets_who_is_over(seconds: list[float]) -> None:
    rates = RateLimits("memory://")
    rates.take(RateLimitItemPerSecond(1), "first")
    before = threading.active_count()
    for caller in range(2_000):
        rates.take(RateLimitItemPerSecond(1), str(caller))

    assert threading.active_count() <= before
    storage = rates._limiter.storage  # pyright: ignore[reportPrivateUsage]
    assert len(storage.events) == 2_001
    seconds[0] += 2
    storage._next_look = 0
    rates.take(RateLimitItemPerSecond(1), "last")
    assert len(storage.events) == 1


def test_threads_that_count_at_once_let_nobody_through(seconds: list[float]) -> None:
    rates = RateLimits("memory://")
    passed: list[bool] = []

    def ask() -> None:
        passed.extend(rates.take(HOUR, "a").is_within for _ in range(100))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert passed.count(True) == 120
