"""From impressions to conversions: the steps with their rates, and since when a day's clicks can convert no more."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from analytics_core.model import Metrics, Period, Stage
from analytics_core.zones import local_midnight

CLOCK_SKEW: Final = timedelta(seconds=60)  # that a ctx is accepted after it expired


def stages(totals: Metrics) -> tuple[Stage, ...]:
    """The four steps. The first that counts is impressions, or clicks where there are no impressions at all."""
    counts = {
        "impressions": totals.impressions,
        "clicks": totals.clicks,
        "qualifiedClicks": totals.qualified_clicks,
        "conversions": totals.conversions,
    }
    first = "impressions" if totals.impressions else "clicks"
    made: list[Stage] = []
    for name, count in counts.items():
        before = made[-1].count if made else 0
        from_first = None if name in ("impressions", first) else _rate(count, counts[first])
        made.append(Stage(name, count, _rate(count, before), from_first))
    return tuple(made)


def final_through(period: Period, ctx_ttl: timedelta, synced_until: datetime | None) -> date | None:
    """The last day of the period whose clicks can convert no more, as a complete sync began after their ctx had expired
    (what is posted while it runs, the next one counts); None where even the first can."""
    if synced_until is None:
        return None
    final = [
        day
        for day in period.days
        if local_midnight(day + timedelta(days=1), period.timezone) + ctx_ttl + CLOCK_SKEW <= synced_until
    ]
    return final[-1] if final else None


def _rate(count: int, whole: int) -> float | None:
    return count / whole if whole else None
