"""The columns of single events in downloads: each with its name and the SQL that gives its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from analytics_core.dimensions import CUBE, DETAILS
from analytics_core.model import PENDING
from analytics_core.store.lake_tables import MONEY, UTC_MICROSECONDS


@dataclass(frozen=True, slots=True)
class EventColumn:
    """`sql` is an expression of the columns that single clicks, or conversions, have."""

    name: str
    kind: DataType | DataTypeClass
    sql: str
    is_nullable: bool = False


_NEVER_NULL: Final = ("slug", "segment")
_MORE_OF_CLICKS: Final = {
    "device": (EventColumn("bot", pl.Boolean, "bot_clicks = 1"), EventColumn("botRule", pl.String, "bot_rule", True)),
    "referrerHost": (EventColumn("status", pl.Int16, "status"),),
}


_VALUES_OF_CLICKS: Final = {"device": "coalesce(device, 'UNKNOWN')"}


def _dimensions(values: Mapping[str, str], more: Mapping[str, tuple[EventColumn, ...]]) -> Iterator[EventColumn]:
    """Every dimension of the cube, with the columns beside it that say more of it."""
    for one in CUBE:
        yield EventColumn(one.word, pl.String, values.get(one.word, one.column), one.column not in _NEVER_NULL)
        yield from more.get(one.word, ())


_DETAILS: Final = tuple(EventColumn(one.word, pl.String, one.column, is_nullable=True) for one in DETAILS)

# People have files with these names in this order: what is new comes last.
CLICK_COLUMNS: Final = (
    EventColumn("at", UTC_MICROSECONDS, "events.at"),
    *_dimensions(_VALUES_OF_CLICKS, _MORE_OF_CLICKS),
    *_DETAILS,
)
CONVERSION_COLUMNS: Final = (
    EventColumn("at", UTC_MICROSECONDS, "events.at"),
    *_dimensions({}, {}),
    EventColumn("eventType", pl.String, "event_type"),
    EventColumn("value", MONEY, "CAST(sum(revenue) AS DECIMAL(38, 4))"),
    EventColumn("currency", pl.String, "currency", is_nullable=True),
    EventColumn("secondsFromClick", pl.Int64, "seconds"),
    EventColumn("pending", pl.Boolean, f"segment = '{PENDING}'"),
    *_DETAILS,
)


def schema_of(columns: Sequence[EventColumn]) -> pl.Schema:
    return pl.Schema({one.name: one.kind for one in columns})


def selected(columns: Sequence[EventColumn]) -> str:
    """The columns as a SELECT lists them."""
    return ", ".join(f'{one.sql} AS "{one.name}"' for one in columns)
