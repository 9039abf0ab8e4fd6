"""What a download as JSON holds, for OpenAPI: the manifest, and rows of a breakdown or of single events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from analytics_core.api.answer_schemas import Money


class _Schema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


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
    timezone_release: str | None = Field(
        description="As in the range of an answer; null of downloads that were made before it was kept."
    )
    status: Literal["running", "complete", "failed"]
    reason: str | None = Field(description="Why the file never became complete.")
    rows: int | None = Field(description="Null until the file is complete.")
    sha256: str | None = Field(description="Null until the file is complete.")


class ExportedRowSchema(_Schema):
    """A row of a breakdown. Beside these counts it has its key under the name of the dimension (`"country": "DE"`), and
    the revenue in each currency (`"revenue_USD": 99.99`).
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str | Money]  # pyright: ignore[reportIncompatibleVariableOverride]  (pydantic's way)

    hours: Money | None = Field(None, description="With groupBy=weekdayHour: hours of the range that fall into it.")
    clicks: int
    qualified_clicks: int
    bot_clicks: int
    conversions: int
    impressions: int | None = Field(None, description="With groupBy=segment.")


class ExportedClickSchema(_Schema):
    """With groupBy=event."""

    at: datetime
    slug: str
    campaign_id: str | None
    country: str | None
    device: str | None
    bot: bool
    bot_rule: str | None
    referrer: str | None
    referrer_host: str | None
    status: int
    segment: str


class ExportedConversionSchema(_Schema):
    """With groupBy=event and metric=conversions."""

    at: datetime
    slug: str
    campaign_id: str | None
    country: str | None
    device: str | None
    referrer: str | None
    referrer_host: str | None
    segment: str
    event_type: str
    value: Money
    currency: str | None
    seconds_from_click: int
    pending: bool


class ExportSchema(_Schema):
    """The file as JSON."""

    manifest: ManifestSchema
    rows: list[ExportedClickSchema | ExportedConversionSchema | ExportedRowSchema]
