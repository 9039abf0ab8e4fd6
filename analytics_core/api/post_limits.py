"""How often one client may post conversions and signals, and the refusal of whoever posts more often."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from starlette.concurrency import run_in_threadpool

from analytics_core.access.rate_limits import RateLimits
from analytics_core.errors import RateLimitedError

# Of one client address, as `web/client_addresses.py` tells it.
CONVERSIONS_OF_CLIENT: Final = RateLimitItemPerHour(120, namespace="conversions")
SIGNALS_OF_CLIENT: Final = RateLimitItemPerMinute(120, namespace="signals-client")
# Of one session, whatever addresses it posts from.
SIGNALS_OF_SESSION: Final = RateLimitItemPerMinute(60, namespace="signals-session")


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
