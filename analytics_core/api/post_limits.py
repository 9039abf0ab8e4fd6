"""How often one client may post."""

from __future__ import annotations

from collections.abc import Iterable

from limits import RateLimitItem
from starlette.concurrency import run_in_threadpool

from analytics_core.access.rate_limits import RateLimits
from analytics_core.errors import RateLimitedError


async def refused_by_rate(rates: RateLimits, rate: RateLimitItem, callers: Iterable[str]) -> RateLimitedError | None:
    """Counts one request of each caller; the refusal when one of them has no room left."""
    for caller in callers:
        allowance = rates.take(rate, caller) if rates.is_local else await run_in_threadpool(rates.take, rate, caller)
        if not allowance.is_within:
            return RateLimitedError(
                f"Too many requests: at most {rate.amount} in {allowance.window_seconds:,} seconds.",
                retry_after=allowance.reset_seconds,
            )
    return None
