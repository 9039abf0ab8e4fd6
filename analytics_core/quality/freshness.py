"""How current the numbers are: a pure function of the last complete sync and the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from analytics_core.model import Freshness, FreshnessStatus
from analytics_core.store.syncs import CompleteSync

_WHOLE = 100


def freshness(last: CompleteSync | None, sla_minutes: int, now: datetime) -> Freshness:
    """FRESH up to `sla_minutes` after the last complete sync, STALE after, UNKNOWN before the first.

    `sampling` keeps the sources that log less than 100 percent of their lines.
    """
    if last is None:
        return Freshness(FreshnessStatus.UNKNOWN, None, sla_minutes)
    is_fresh = now - last.finished_at <= timedelta(minutes=sla_minutes)
    return Freshness(
        FreshnessStatus.FRESH if is_fresh else FreshnessStatus.STALE,
        last.finished_at,
        sla_minutes,
        {source: percent for source, percent in last.sampling.items() if percent < _WHOLE},
    )
