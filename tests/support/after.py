"""What followed clicks and what visitors were, worked out event by event in plain Python: slow, and easy to believe.

Rows are dicts in the words of the lake's tables CLICKS, CONVERSIONS and SIGNALS.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics_core.model import INTENT, PENDING, SegmentRules
from analytics_core.slots import SLOT_SECONDS

RowOf = Mapping[str, Any]
RULES = SegmentRules()
DIMENSIONS = (
    "campaign_id",
    "country",
    "device",
    "referrer",
    "referrer_host",
    "browser",
    "os",
    "trigger",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "bot_purpose",
)


@dataclass
class History:
    """What one visitor did, and when."""

    clicks: list[datetime] = field(default_factory=list)
    conversions: list[datetime] = field(default_factory=list)
    intents: list[datetime] = field(default_factory=list)

    def segment(self, at: datetime) -> str:
        def seen(moments: list[datetime], days: int) -> int:
            return bisect_left(moments, at) - bisect_left(moments, at - timedelta(days=days))

        if seen(self.conversions, RULES.vip_days) >= RULES.vip_conversions:
            return "vip"
        if seen(self.conversions, RULES.customer_days):
            return "customer"
        clicks = seen(self.clicks, RULES.engaged_days)
        if seen(self.intents, RULES.engaged_days) or clicks >= RULES.engaged_clicks:
            return "engaged_prospect"
        return "returning" if seen(self.clicks, RULES.returning_days) else "new"


@dataclass(frozen=True)
class World:
    """Facts as they are known at one time. `judged` clicks carry `is_bot` and `device`."""

    judged: Sequence[RowOf]
    conversions: Sequence[RowOf]
    signals: Sequence[RowOf]

    def segments(self) -> dict[tuple[str, int], str]:
        """(handle, event id of a click) → segment."""
        visitors = self._visitors()
        histories: defaultdict[tuple[str, int | None], History] = defaultdict(History)
        for click in self.judged:
            histories[click["handle"], visitors[click["handle"], click["event_id"]]].clicks.append(click["at"])
        for one in self.conversions:
            histories[one["handle"], visitors.get((one["handle"], one["click_event_id"]))].conversions.append(one["at"])
        for one in self.signals:
            if one["signal_key"] == INTENT and one["confidence"] >= RULES.engaged_confidence:
                histories[one["handle"], visitors.get((one["handle"], one["click_event_id"]))].intents.append(one["at"])
        for history in histories.values():
            for moments in (history.clicks, history.conversions, history.intents):
                moments.sort()
        found: dict[tuple[str, int], str] = {}
        for click in self.judged:
            identity = click["handle"], click["event_id"]
            visitor = visitors[identity]
            known = visitor is not None
            found[identity] = histories[click["handle"], visitor].segment(click["at"]) if known else "unknown"
        return found

    def attributions(self) -> list[dict[str, Any]]:
        """ATTRIBUTIONS rows in force, without `learnt_at`."""
        clicks = {(click["handle"], click["event_id"]): click for click in self.judged}
        segments, visitors = self.segments(), self._visitors()
        rows: list[dict[str, Any]] = []
        for one in (*self.conversions, *(one for one in self.signals if one["signal_key"] == INTENT)):
            converts = "conversion_id" in one
            identity = one["handle"], one["click_event_id"]
            click = clicks.get(identity)
            is_pending = click is None and one["click_event_id"] is not None
            dimensions = dict.fromkeys(DIMENSIONS, PENDING if is_pending else None)
            if click is not None:
                dimensions = {name: click[name] for name in DIMENSIONS}
            rows.append(
                {
                    "month": f"{one['at']:%Y-%m}",
                    "handle": one["handle"],
                    "slot": slot(one["at"]),
                    "click_slot": slot(one["clicked_at"]) if one["clicked_at"] else None,
                    "slug": one["slug"],
                    **dimensions,
                    "segment": PENDING if is_pending else segments.get(identity, "unknown"),
                    "event_id": one["conversion_id"] if converts else one["signal_id"],
                    "event_type": one["event_type"] if converts else None,
                    "at": one["at"],
                    "confidence": None if converts else one["confidence"],
                    "click_event_id": one["click_event_id"],
                    "visitor": visitors.get(identity),
                    "seconds": int((one["at"] - one["clicked_at"]).total_seconds()) if one["clicked_at"] else None,
                    "conversions": int(converts),
                    "impressions": int(not converts),
                    "revenue": one["value"] if converts else Decimal(0),
                    "currency": one["currency"] if converts else None,
                }
            )
        return rows

    def _visitors(self) -> dict[tuple[str, int], int | None]:
        return {
            (click["handle"], click["event_id"]): None if click["is_bot"] else click["visitor"] for click in self.judged
        }


def slot(moment: datetime) -> int:
    return int(moment.timestamp()) // SLOT_SECONDS


def moved(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that turn what was in force before into what is in force after."""
    sums = ("conversions", "impressions", "revenue")
    gone = [{**row, **{name: -row[name] for name in sums}} for row in before if row not in after]
    return [*gone, *(row for row in after if row not in before)]
