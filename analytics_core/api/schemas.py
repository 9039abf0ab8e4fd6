"""What answers look like: the JSON of an Answer, and its description for OpenAPI. Money keeps every digit."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from analytics_core.exports import filter_text
from analytics_core.model import Answer, Confidence, Freshness, Metrics, Row


class _Schema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class MetricsSchema(_Schema):
    clicks: int
    qualified_clicks: int
    bot_clicks: int
    conversions: int
    revenue: Decimal = Field(json_schema_extra={"type": "number"})
    revenue_by_currency: dict[str, Decimal]
    mixed_currency: bool


class RowSchema(MetricsSchema):
    key: str
    previous: MetricsSchema | None = Field(None, description="The same key one period before; with compare=previous.")


class TotalsSchema(MetricsSchema):
    previous: MetricsSchema | None = None


class RangeSchema(_Schema):
    from_day: str
    to_day: str
    timezone: str


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


class AnswerSchema(_Schema):
    """Rows add up to the totals. The query is echoed as it was understood."""

    handle: str
    group_by: str
    range: RangeSchema
    filters: dict[str, str | None]
    dimension: DimensionSchema
    rows: list[RowSchema]
    totals: TotalsSchema
    freshness: FreshnessSchema
    confidence: ConfidenceSchema | None = None
    data_version: str


class ManifestSchema(_Schema):
    """What an export's file answers; `sha256` is of its bytes (JSON: of the rows array)."""

    id: str
    handle: str
    created_at: datetime
    created_by: str
    format: str
    query: dict[str, Any]
    data_version: str
    definitions_version: str
    rows: int
    sha256: str


def answer_json(answer: Answer) -> bytes:
    query = answer.query
    chosen = {one.dimension: filter_text(one) for one in query.filters}
    body: dict[str, Any] = {
        "handle": query.handle,
        "groupBy": query.group_by,
        "range": {
            "fromDay": day_text(query.period.from_day),
            "toDay": day_text(query.period.to_day),
            "timezone": query.period.timezone,
        },
        "filters": {"campaignId": None, "slug": None} | chosen,
        "dimension": {
            "name": query.group_by,
            "trackedFrom": day_text(answer.tracked_from) if answer.tracked_from else None,
        },
        "rows": [_row(row) for row in answer.rows],
        "totals": _with_previous(_metrics(answer.totals), answer.previous_totals),
        "freshness": freshness_json(answer.freshness),
    }
    if answer.confidence is not None:
        body["confidence"] = _confidence(answer.confidence)
    return orjson.dumps(body | {"dataVersion": answer.data_version})


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


def _row(row: Row) -> dict[str, Any]:
    return {"key": row.key} | _with_previous(_metrics(row.metrics), row.previous)


def _with_previous(body: dict[str, Any], previous: Metrics | None) -> dict[str, Any]:
    return body if previous is None else body | {"previous": _metrics(previous)}


def _metrics(metrics: Metrics) -> dict[str, Any]:
    return {
        "clicks": metrics.clicks,
        "qualifiedClicks": metrics.qualified_clicks,
        "botClicks": metrics.bot_clicks,
        "conversions": metrics.conversions,
        "revenue": _number(metrics.revenue),
        "revenueByCurrency": {code: _number(amount) for code, amount in metrics.revenue_by_currency.items()},
        "mixedCurrency": metrics.mixed_currency,
    }


def _number(amount: Decimal) -> orjson.Fragment:
    """A JSON number with exactly the digits of the decimal."""
    return orjson.Fragment(f"{amount:f}")


def _confidence(confidence: Confidence) -> dict[str, Any]:
    return {
        "score": confidence.score,
        "factors": [
            {"name": one.name, "value": one.value, "penalty": one.penalty, "explanation": one.explanation}
            for one in confidence.factors
        ],
    }
