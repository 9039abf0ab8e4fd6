"""What a download as JSON holds, for OpenAPI: the manifest, and rows of a breakdown or of single events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from analytics_core.api.answer_schemas import Money
from analytics_core.query.event_columns import CLICK_COLUMNS, CONVERSION_COLUMNS, EventColumn
from analytics_core.store.lake_tables import MONEY


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


def _of_columns(columns: Sequence[EventColumn]) -> type[_Schema]:
    """A schema with the columns of single events."""
    types: dict[str, Any] = {one.name: (_type_of(one), ...) for one in columns}
    return create_model("_Columns", __base__=_Schema, **types)


def _type_of(column: EventColumn) -> Any:
    kind: Any = Money if column.kind == MONEY else column.kind.to_python()
    return kind | None if column.is_nullable else kind


class ExportedClickSchema(_of_columns(CLICK_COLUMNS)):
    """With groupBy=event."""


class ExportedConversionSchema(_of_columns(CONVERSION_COLUMNS)):
    """With groupBy=event and metric=conversions."""


class ExportSchema(_Schema):
    """The file as JSON."""

    manifest: ManifestSchema
    rows: list[ExportedClickSchema | ExportedConversionSchema | ExportedRowSchema]
