"""The words of Clickledger as frozen values: what is asked (Query) and what is answered (Answer)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

NOT_TRACKED = "(not tracked)"
SEGMENTS = ("new", "returning", "engaged_prospect", "customer", "vip", "unknown")
INTENT = "intent"  # the signal key that counts as an impression
OTHER = "(other)"

Sort = Literal["asc", "desc"]


class Plan(StrEnum):
    FREE = "FREE"
    PRO = "PRO"
    ENTERPRISE = "ENTERPRISE"


class Role(StrEnum):
    CREATOR = "CREATOR"
    OPERATOR = "OPERATOR"
    OWNER = "OWNER"


class FreshnessStatus(StrEnum):
    FRESH = "FRESH"
    STALE = "STALE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Period:
    """Local days of one IANA zone, both inclusive; `start` and `end` are its half-open UTC range."""

    from_day: date
    to_day: date
    timezone: str = "UTC"

    @property
    def length(self) -> int:
        return (self.to_day - self.from_day).days + 1

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(self.from_day + timedelta(days=offset) for offset in range(self.length))

    @property
    def start(self) -> datetime:
        return local_midnight(self.from_day, self.timezone)

    @property
    def end(self) -> datetime:
        return local_midnight(self.to_day + timedelta(days=1), self.timezone)

    def previous(self) -> Period:
        """The period of the same length just before."""
        before = timedelta(days=self.length)
        return replace(self, from_day=self.from_day - before, to_day=self.to_day - before)


def local_midnight(day: date, timezone: str) -> datetime:
    """The first UTC instant of a local day. Where clocks skip midnight, that is the first instant after the gap."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    return midnight.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """When a visitor is what: the first rule that holds counts, `new` where none does. Windows are days before it.

    A click without visitor identity (a bot, or consent denied) is `unknown`.
    """

    vip_conversions: int = 3
    vip_days: int = 365
    customer_days: int = 30
    engaged_confidence: float = 0.5  # of an intent signal
    engaged_clicks: int = 3
    engaged_days: int = 7
    returning_days: int = 30


@dataclass(frozen=True, slots=True)
class Filter:
    """Keeps (or, with `exclude`, drops) the clicks whose dimension has one of the values."""

    dimension: str
    values: tuple[str, ...]
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One question about one handle. `handle` is no filter: nothing can remove it."""

    handle: str
    group_by: str
    period: Period
    filters: tuple[Filter, ...] = ()
    sort: Sort | None = None
    limit: int = 1_000
    compare: Literal["previous"] | None = None
    confidence: bool = False
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The numbers of one row. Counts are exact integers, money exact decimals per ISO 4217 currency."""

    clicks: int = 0
    bot_clicks: int = 0
    conversions: int = 0
    revenue_by_currency: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])

    @property
    def qualified_clicks(self) -> int:
        return self.clicks - self.bot_clicks

    @property
    def revenue(self) -> Decimal:
        return sum(self.revenue_by_currency.values(), Decimal(0))

    @property
    def mixed_currency(self) -> bool:
        return len(self.revenue_by_currency) > 1


@dataclass(frozen=True, slots=True)
class Row:
    """One key of a breakdown; `previous` holds the same key one period earlier when the query compares."""

    key: str
    metrics: Metrics
    previous: Metrics | None = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How current the numbers are. `sampling` lists sources whose logs are a sample (percent below 100)."""

    status: FreshnessStatus
    last_updated_at: datetime | None
    sla_minutes: int
    sampling: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason why the score is below 100: what was measured, what it costs, and a sentence for the reader."""

    name: str
    value: float
    penalty: int
    explanation: str


@dataclass(frozen=True, slots=True)
class Confidence:
    score: int
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What `Analytics.run` gives: rows that add up to `totals`, and what is known about them."""

    query: Query
    rows: tuple[Row, ...]
    totals: Metrics
    previous_totals: Metrics | None
    tracked_from: date | None
    freshness: Freshness
    confidence: Confidence | None
    data_version: str

    def frame(self) -> pl.DataFrame:
        """key: String, clicks, qualifiedClicks, botClicks: Int64, one row a key, in the answer's order."""
        return pl.DataFrame(
            {
                "key": [row.key for row in self.rows],
                "clicks": [row.metrics.clicks for row in self.rows],
                "qualifiedClicks": [row.metrics.qualified_clicks for row in self.rows],
                "botClicks": [row.metrics.bot_clicks for row in self.rows],
            },
            schema={"key": pl.String, "clicks": pl.Int64, "qualifiedClicks": pl.Int64, "botClicks": pl.Int64},
        )
