"""What answers look like: the JSON of an Answer, and its description for OpenAPI. Money keeps every digit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from analytics_core.exports import money
from analytics_core.model import Answer, Confidence, Freshness, Funnel, Metrics, Period, Posts, Query, Row
from analytics_core.query.parse import filter_text
from analytics_core.store.outcomes import StrayPosts
from analytics_core.zones import RELEASE

Money = Annotated[Decimal, WithJsonSchema({"type": "number"})]  # on the wire a number with every digit


class _Schema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class MetricsSchema(_Schema):
    clicks: int
    qualified_clicks: int
    bot_clicks: int
    conversions: int
    revenue: Money
    revenue_by_currency: dict[str, Money]
    mixed_currency: bool
    impressions: int | None = Field(None, description="With groupBy=segment and with funnel=true.")


class RowSchema(MetricsSchema):
    key: str
    previous: MetricsSchema | None = Field(
        None,
        description="With compare: the same key in the earlier period, and of times the days or hours of it that stand "
        "beside theirs; left out where it has none.",
    )
    hours: Money | None = Field(None, description="With groupBy=weekdayHour: hours of the range that fall into it.")
    final: bool | None = Field(
        None, description="With groupBy=day and funnel=true: no click of the day can convert any more."
    )


class TotalsSchema(MetricsSchema):
    previous: MetricsSchema | None = None


class RangeSchema(_Schema):
    from_day: str
    to_day: str
    timezone: str
    timezone_release: str = Field(
        description="The release of the IANA time zone database that says when the days begin.", examples=["2026f"]
    )


class DimensionSchema(_Schema):
    name: str
    tracked_from: str | None = Field(description="First UTC day (yyyymmdd) on which this handle's logs carried it.")


class FreshnessSchema(_Schema):
    status: str = Field(examples=["FRESH"])
    last_updated_at: datetime | None
    sla_minutes: int
    sampling: dict[str, int] | None = Field(None, description="Sources whose logs are a sample, in percent.")


class FactorSchema(_Schema):
    name: str
    value: float
    penalty: int
    explanation: str


class ConfidenceSchema(_Schema):
    score: int
    factors: list[FactorSchema]


class StageSchema(_Schema):
    name: str = Field(examples=["clicks"])
    count: int
    rate_from_previous: float | None
    rate_from_first: float | None = Field(description="Of clicks.")
    reason: str | None = Field(None, description="Why a rate is null where it would be above 1; else left out.")


class ImpressionsSchema(_Schema):
    """Signals of intent. They are no step before a click."""

    count: int
    per_qualified_click: float | None = Field(examples=[2.67])


class TimeToConversionSchema(_Schema):
    """Half, and nine tenths, of the conversions took no longer."""

    median_seconds: int
    p90_seconds: int


class PostsSchema(_Schema):
    """How the posts of conversions ended on the UTC days of the range, whatever the filters."""

    accepted: int
    duplicate: int
    key_reused: int
    expired: int
    bad_signature: int
    invalid_field: int
    rate_limited: int
    click_not_yet_seen: int = Field(
        description="Accepted, and waiting for the next sync or the log line of their click."
    )


class StrayPostsDaySchema(_Schema):
    """`signals` are those of handles that do not exist."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    day: str
    accepted: int = 0
    duplicate: int = 0
    key_reused: int = 0
    expired: int = 0
    bad_signature: int = 0
    invalid_field: int = 0
    rate_limited: int = 0
    signals: int


class StrayPostsSchema(_Schema):
    """How posts ended that belong to no handle, per UTC day that has any."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    range: RangeSchema
    rows: list[StrayPostsDaySchema]

    @classmethod
    def of(cls, period: Period, found: Iterable[StrayPosts]) -> StrayPostsSchema:
        rows = [
            StrayPostsDaySchema.model_validate({"day": day_text(one.day), "signals": one.signals, **one.conversions})
            for one in found
        ]
        return cls(range=RangeSchema.model_validate(range_json(period)), rows=rows)


class FunnelSchema(_Schema):
    conversion_day: str
    final_through: str | None = Field(description="Last day (yyyymmdd) whose clicks can convert no more.")
    stages: list[StageSchema]
    impressions: ImpressionsSchema
    revenue: Money
    revenue_by_currency: dict[str, Money]
    mixed_currency: bool
    time_to_conversion: TimeToConversionSchema | None
    posts: PostsSchema


class AnswerSchema(_Schema):
    """Rows add up to the totals. The query is echoed as it was understood.

    With funnel=true and no groupBy there are totals and the funnel alone: groupBy, dimension and rows are left out.
    """

    handle: str
    group_by: str | None = None
    interval: str | None = Field(None, description="With groupBy=day.")
    range: RangeSchema
    previous_range: RangeSchema | None = Field(None, description="With compare: the days of the earlier period.")
    so_far: bool | None = Field(
        None,
        description="With compare: true while the last day of the range is still going on; the last day of the earlier "
        "period then counts up to the same minute on local clocks.",
    )
    filters: dict[str, str | None]
    dimension: DimensionSchema | None = None
    rows: list[RowSchema] | None = None
    totals: TotalsSchema
    freshness: FreshnessSchema
    confidence: ConfidenceSchema | None = None
    funnel: FunnelSchema | None = None
    data_version: str


def answer_json(answer: Answer) -> bytes:
    query = answer.query
    chosen = {one.dimension: filter_text(one) for one in query.filters}
    since = answer.tracked_from
    body: dict[str, Any] = {
        "handle": query.handle,
        "groupBy": query.group_by,
        **({"interval": query.interval} if query.group_by == "day" else {}),
        "range": range_json(query.period),
        "filters": {"campaignId": None, "slug": None} | chosen,
        "dimension": {"name": query.group_by, "trackedFrom": day_text(since) if since else None},
        "rows": [_row(row, query) for row in answer.rows],
        "totals": _with_previous(answer.totals, answer.previous_totals, query),
        "freshness": freshness_json(answer.freshness),
    }
    if answer.previous_period is not None:
        body |= {"previousRange": range_json(answer.previous_period), "soFar": answer.so_far}
    if query.group_by is None:
        body = {name: value for name, value in body.items() if name not in ("groupBy", "dimension", "rows")}
    if answer.confidence is not None:
        body["confidence"] = _confidence(answer.confidence)
    if answer.funnel is not None:
        body["funnel"] = _funnel(answer.funnel, answer)
    return orjson.dumps(body | {"dataVersion": answer.data_version})


def range_json(period: Period) -> dict[str, str]:
    return {
        "fromDay": day_text(period.from_day),
        "toDay": day_text(period.to_day),
        "timezone": period.timezone,
        "timezoneRelease": RELEASE,
    }


def freshness_json(freshness: Freshness) -> dict[str, Any]:
    body: dict[str, Any] = {
        "status": freshness.status.value,
        "lastUpdatedAt": time_text(freshness.last_updated_at) if freshness.last_updated_at else None,
        "slaMinutes": freshness.sla_minutes,
    }
    return body | ({"sampling": dict(freshness.sampling)} if freshness.sampling else {})


def day_text(day: date) -> str:
    return f"{day:%Y%m%d}"


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _row(row: Row, query: Query) -> dict[str, Any]:
    body = {"key": row.key} | _with_previous(row.metrics, row.previous, query)
    if row.hours is not None:
        body["hours"] = money(row.hours)
    return body if row.is_final is None else body | {"final": row.is_final}


def _with_previous(metrics: Metrics, previous: Metrics | None, query: Query) -> dict[str, Any]:
    body = _metrics(metrics, query)
    return body if previous is None else body | {"previous": _metrics(previous, query)}


def _metrics(metrics: Metrics, query: Query) -> dict[str, Any]:
    counts = {one.name: getattr(metrics, one.attribute) for one in query.counts}
    return counts | _money(metrics)


def _money(metrics: Metrics) -> dict[str, Any]:
    return {
        "revenue": money(metrics.revenue),
        "revenueByCurrency": {code: money(amount) for code, amount in metrics.revenue_by_currency.items()},
        "mixedCurrency": metrics.mixed_currency,
    }


def _funnel(funnel: Funnel, answer: Answer) -> dict[str, Any]:
    times = funnel.time_to_conversion
    return {
        "conversionDay": answer.query.conversion_day,
        "finalThrough": day_text(funnel.final_through) if funnel.final_through else None,
        "stages": [
            {
                "name": stage.name,
                "count": stage.count,
                "rateFromPrevious": stage.rate_from_previous,
                "rateFromFirst": stage.rate_from_first,
                **({"reason": stage.reason} if stage.reason else {}),
            }
            for stage in funnel.stages
        ],
        "impressions": {
            "count": funnel.impressions.count,
            "perQualifiedClick": funnel.impressions.per_qualified_click,
        },
        **_money(answer.totals),
        "timeToConversion": times and {"medianSeconds": times.median_seconds, "p90Seconds": times.p90_seconds},
        "posts": {to_camel(one.name): getattr(funnel.posts, one.name) for one in fields(Posts)},
    }


def _confidence(confidence: Confidence) -> dict[str, Any]:
    return {
        "score": confidence.score,
        "factors": [
            {"name": one.name, "value": one.value, "penalty": one.penalty, "explanation": one.explanation}
            for one in confidence.factors
        ],
    }
