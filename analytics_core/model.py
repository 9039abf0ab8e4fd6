"""The words of Clickledger as frozen values: what is asked (Query) and what is answered (Answer)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from functools import reduce
from typing import Literal

import polars as pl

from analytics_core.metrics import COUNTS, Metric
from analytics_core.zones import local_midnight

NOT_TRACKED = "(not tracked)"
NONE = "(none)"  # a campaign, or a utm parameter, that a click does not have
BOT = "(bot)"  # what a bot uses, whatever it claims to be
PERSON = "(person)"  # what has no purpose of a bot
PENDING = "(pending)"  # the dimensions of what came before its click's log line
SEGMENTS = ("new", "returning", "engaged_prospect", "customer", "vip", "unknown")
INTENT = "intent"  # the signal key that counts as an impression
OTHER = "(other)"

Sort = Literal["asc", "desc"]
ConversionDay = Literal["conversion", "click"]
Events = Literal["clicks", "conversions"]
Interval = Literal["hour", "day", "week", "month"]

_EXACT = Context(prec=76)  # the engine's decimals have up to 38 digits; Python's default would round at 28


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
    """One question about one handle. `handle` is no filter: nothing can remove it.

    `interval` is that of `group_by="day"`. `compare` names an earlier period, or gives its days; `match_weekdays` moves
    it to days that begin on the same weekday. Without `group_by` (a funnel alone) there are no rows. `conversion_day`
    says on which day conversions, revenue and impressions count: on their own, or on that of their click. `events`:
    which single events an export lists.
    """

    handle: str
    group_by: str | None
    period: Period
    filters: tuple[Filter, ...] = ()
    sort: Sort | None = None
    limit: int = 1_000
    compare: Literal["previous", "previousYear"] | Period | None = None
    confidence: bool = False
    as_of: datetime | None = None
    funnel: bool = False
    conversion_day: ConversionDay = "conversion"
    events: Events = "clicks"
    interval: Interval = "day"
    match_weekdays: bool = False

    @property
    def key_name(self) -> str:
        """What the key of a row is: the dimension, or of days the interval."""
        return self.interval if self.group_by == "day" else self.group_by or ""

    @property
    def shows_impressions(self) -> bool:
        return self.funnel or self.group_by == "segment"

    @property
    def counts(self) -> tuple[Metric, ...]:
        """The metrics of every row that are counts."""
        return tuple(metric for metric in COUNTS if self.shows_impressions or not metric.optional)

    @property
    def shows_hours(self) -> bool:
        return self.group_by == "weekdayHour"

    @property
    def asks_for_segments(self) -> bool:
        return self.group_by == "segment" or any(one.dimension == "segment" for one in self.filters)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The numbers of one row. Counts are exact integers, money exact decimals per ISO 4217 currency.

    `revenue_by_currency` holds no currency without money. `impressions` are counted where the query shows them.
    """

    clicks: int = 0
    bot_clicks: int = 0
    conversions: int = 0
    revenue_by_currency: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    impressions: int = 0

    @property
    def qualified_clicks(self) -> int:
        return self.clicks - self.bot_clicks

    @property
    def revenue(self) -> Decimal:
        return reduce(_EXACT.add, self.revenue_by_currency.values(), Decimal(0))

    @property
    def mixed_currency(self) -> bool:
        return len(self.revenue_by_currency) > 1

    def __add__(self, other: Metrics) -> Metrics:
        amounts = dict(self.revenue_by_currency)
        for code, amount in other.revenue_by_currency.items():
            amounts[code] = _EXACT.add(amounts.get(code, Decimal(0)), amount)
        return Metrics(
            self.clicks + other.clicks,
            self.bot_clicks + other.bot_clicks,
            self.conversions + other.conversions,
            dict(sorted(amounts.items())),
            self.impressions + other.impressions,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One key of a breakdown; `previous` holds the same key in the earlier period when the query compares, and of a
    grouping by time the days or hours that stand beside those of the key, None where the earlier period has none.

    `is_final`, for days of a funnel: no click of them can convert any more. `hours`, for hours of the week: how many of
    the range fall into it.
    """

    key: str
    metrics: Metrics
    previous: Metrics | None = None
    is_final: bool | None = None
    hours: Decimal | None = None


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
class Stage:
    """One step of a funnel. A rate is null for the first step, where it would divide by zero, and where it would be
    above 1; then `reason` says why there is more than before."""

    name: str
    count: int
    rate_from_previous: float | None
    rate_from_first: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Impressions:
    """Signals of intent, which stand beside a funnel: no click has to follow one, nor come after it."""

    count: int
    per_qualified_click: float | None  # null without qualified clicks


@dataclass(frozen=True, slots=True)
class TimeToConversion:
    """Seconds from click to conversion: half, and nine tenths, of the conversions took no longer."""

    median_seconds: int
    p90_seconds: int


@dataclass(frozen=True, slots=True)
class Posts:
    """How the posts of conversions ended on the UTC days of the range; every post is in one of these."""

    accepted: int = 0
    duplicate: int = 0
    key_reused: int = 0
    expired: int = 0
    bad_signature: int = 0
    invalid_field: int = 0
    rate_limited: int = 0
    click_not_yet_seen: int = 0  # accepted, and still pending, or in no sync yet


@dataclass(frozen=True, slots=True)
class Funnel:
    """From clicks to conversions. Up to `final_through` no click of the range can convert any more."""

    stages: tuple[Stage, ...]
    impressions: Impressions
    final_through: date | None
    time_to_conversion: TimeToConversion | None
    posts: Posts


@dataclass(frozen=True, slots=True)
class Answer:
    """What `Analytics.run` gives: rows that add up to `totals`, and what is known about them.

    `previous_period` are the days that the query compares with. `so_far`: the last day of the range is still going on,
    and the last of the earlier days counts up to the same time.
    """

    query: Query
    rows: tuple[Row, ...]
    totals: Metrics
    previous_totals: Metrics | None
    tracked_from: date | None
    freshness: Freshness
    confidence: Confidence | None
    data_version: str
    funnel: Funnel | None = None
    previous_period: Period | None = None
    so_far: bool = False

    @property
    def group_by(self) -> str:
        """The dimension of the rows; empty where there are totals alone."""
        return self.query.group_by or ""

    def frame(self) -> pl.DataFrame:
        """One row a key, in the answer's order: key: String, clicks, qualifiedClicks, botClicks, conversions (and
        impressions where the query shows them): Int64, and revenue_USD…: Decimal, one column per currency."""
        return rows_frame(self.rows, tuple(self.totals.revenue_by_currency), self.query)


def rows_frame(rows: Iterable[Row], currencies: Sequence[str], query: Query) -> pl.DataFrame:
    """The current metrics of rows, in the columns of `row_schema`."""
    values = [
        (
            row.key,
            *([row.hours] if query.shows_hours else []),
            *(
                getattr(row.metrics, metric.attribute)
                for metric in COUNTS
                if query.shows_impressions or not metric.optional
            ),
            *(row.metrics.revenue_by_currency.get(code, Decimal(0)) for code in currencies),
        )
        for row in rows
    ]
    return pl.DataFrame(values, schema=row_schema(currencies, query), orient="row")


def row_schema(currencies: Sequence[str], query: Query) -> pl.Schema:
    counts = [metric.name for metric in query.counts]
    hours = {"hours": pl.Decimal(12, 2)} if query.shows_hours else {}
    return pl.Schema(
        {"key": pl.String}
        | hours
        | dict.fromkeys(counts, pl.Int64)
        | {f"revenue_{code}": pl.Decimal(38, 4) for code in currencies}
    )
