"""From clicks to conversions: the steps with their rates, and since when a day's clicks can convert no more."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from analytics_core.model import Impressions, Metrics, Period, Stage
from analytics_core.zones import local_midnight

_MORE_CONVERSIONS: Final = (
    "There are more conversions than qualified clicks: some name clicks of other days or of bots, or clicks that the "
    "logs lack."
)
CLOCK_SKEW: Final = timedelta(seconds=60)  # that a ctx is accepted after it expired


def stages(totals: Metrics) -> tuple[Stage, ...]:
    """The three steps. No rate is above 1: conversions may be more than clicks, and then it says nothing."""
    counts = {
        "clicks": totals.clicks,
        "qualifiedClicks": totals.qualified_clicks,
        "conversions": totals.conversions,
    }
    made: list[Stage] = []
    for name, count in counts.items():
        before = made[-1].count if made else 0
        first = made[0].count if made else 0
        reason = _MORE_CONVERSIONS if name == "conversions" and count > before else None
        made.append(Stage(name, count, rate(count, before), rate(count, first), reason))
    return tuple(made)


def beside(totals: Metrics) -> Impressions:
    """The signals of intent beside the steps."""
    qualified = totals.qualified_clicks
    return Impressions(totals.impressions, round(totals.impressions / qualified, 2) if qualified else None)


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


def rate(count: int, whole: int) -> float | None:
    """The share of a whole; None where there is none, or where the count is larger."""
    return count / whole if whole and count <= whole else None
