"""How far the numbers can be relied on: 100 minus named penalties, each with what was measured and a sentence.

Every penalty is monotone in what it measures, so more bots, conversions without a click, staleness, rejected lines,
untracked days or sampling never raise the score. Shares are compared as integers: no rounding turns the order around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from analytics_core.model import Confidence, Factor, Freshness, FreshnessStatus

_WORST: Final = 100


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the score is made of. `lines` and `rejected` are all sources' lines on the days of the range.

    `conversions` leaves out those that wait for the log line of their click.
    """

    clicks: int
    bot_clicks: int
    freshness: Freshness
    now: datetime
    lines: int
    rejected: int
    days: int
    untracked_days: int
    conversions: int = 0


def confidence(evidence: Evidence) -> Confidence:
    """Only factors that measured something are listed; without any the score is 100."""
    factors = tuple(factor for measure in _FACTORS if (factor := measure(evidence)) is not None)
    return Confidence(max(0, 100 - sum(factor.penalty for factor in factors)), factors)


def _no_clicks(evidence: Evidence) -> Factor | None:
    if evidence.clicks:
        return None
    return Factor("noClicks", 0, _WORST, "There are no clicks in this range, so there is nothing to rely on.")


def _bot_ratio(evidence: Evidence) -> Factor | None:
    """30 points times the share up to one half, then steeper, so that bots alone are worth nothing."""
    bots, clicks = evidence.bot_clicks, evidence.clicks
    if not bots:
        return None
    gentle = _rounded(30 * bots, clicks)
    steep = 0 if 2 * bots <= clicks else _rounded(140 * (2 * bots - clicks), 2 * clicks)
    return Factor(
        "botRatio",
        bots / clicks,
        min(_WORST, gentle + steep),
        f"{_percent(bots, clicks)} of the clicks are bots; look at qualified clicks.",
    )


def _conversions_exceed_clicks(evidence: Evidence) -> Factor | None:
    """10 points as soon as there are more conversions than qualified clicks, up to 40 more by the share too many."""
    qualified = evidence.clicks - evidence.bot_clicks
    too_many = evidence.conversions - qualified
    if too_many <= 0:
        return None
    return Factor(
        "conversionsExceedClicks",
        too_many / evidence.conversions,
        10 + _rounded_up(40 * too_many, evidence.conversions),
        f"There are {evidence.conversions:,} conversions but only {qualified:,} qualified clicks: some clicks are "
        "missing, are bots, or converted more than once.",
    )


def _staleness(evidence: Evidence) -> Factor | None:
    """10 points as soon as the numbers are stale, 40 more spread over the next day. The value counts minutes late."""
    last = evidence.freshness.last_updated_at
    if evidence.freshness.status is FreshnessStatus.UNKNOWN or last is None:
        return Factor("staleness", 0, _WORST, "No sync has read every source to its end yet.")
    late = evidence.now - last - timedelta(minutes=evidence.freshness.sla_minutes)
    if late <= timedelta(0):
        return None
    minutes = late // timedelta(minutes=1)
    return Factor(
        "staleness",
        minutes,
        min(50, 10 + 40 * minutes // (24 * 60)),
        f"The last complete sync ended {_span(evidence.now - last)} ago; newer clicks are missing.",
    )


def _rejected_lines(evidence: Evidence) -> Factor | None:
    """Two points a percent, at least one, at most 50."""
    if not evidence.rejected:
        return None
    return Factor(
        "rejectedLines",
        evidence.rejected / evidence.lines,
        min(50, _rounded_up(200 * evidence.rejected, evidence.lines)),
        f"{_percent(evidence.rejected, evidence.lines)} of the log lines of these days could not be read.",
    )


def _partial_tracking(evidence: Evidence) -> Factor | None:
    """Up to 40 points, in proportion to the days."""
    if not evidence.untracked_days:
        return None
    return Factor(
        "partialTracking",
        evidence.untracked_days / evidence.days,
        _rounded_up(40 * evidence.untracked_days, evidence.days),
        f"On {evidence.untracked_days} of {evidence.days} days the logs did not carry this dimension yet.",
    )


def _sampling(evidence: Evidence) -> Factor | None:
    """Half a point for each percent of lines that the most thinned-out source does not log."""
    if not evidence.freshness.sampling:
        return None
    percent = min(evidence.freshness.sampling.values())
    return Factor(
        "sampling",
        percent / 100,
        _rounded_up(100 - percent, 2),
        f"A source logs only {percent}% of its requests, so the numbers are lower than what happened.",
    )


_FACTORS: Final[tuple[Callable[[Evidence], Factor | None], ...]] = (
    _no_clicks,
    _conversions_exceed_clicks,
    _bot_ratio,
    _staleness,
    _rejected_lines,
    _partial_tracking,
    _sampling,
)


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _rounded_up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return "Less than 1%" if share < 1 else f"{share:.0f}%"


def _span(duration: timedelta) -> str:
    minutes = duration // timedelta(minutes=1)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
