"""The lake's tables as rows: columns, types, partitions. Delta has no unsigned integers, so all are signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from analytics_core.dimensions import CUBE_COLUMNS, DETAIL_COLUMNS, VERDICT_COLUMNS
from analytics_core.metrics import sums_of

if TYPE_CHECKING:
    import pyarrow as pa  # and numpy with it, which a command that opens no lake can start without

UTC_MICROSECONDS: Final = pl.Datetime("us", "UTC")
MONEY: Final = pl.Decimal(38, 4)
_DIMENSIONS: Final = dict.fromkeys(CUBE_COLUMNS, pl.String)


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One Delta table. `columns` is also the order in which frames are written; the Delta log keeps the least and
    the greatest value of `bounds` for every file. `later`: the last columns, which came after release 0.1.0. Lakes get
    them when they are first written to; files from before lack them, which reads as null."""

    name: str
    columns: dict[str, DataType | DataTypeClass]
    partition_by: tuple[str, ...] = ()
    row_group_rows: int = 131_072
    bounds: tuple[str, ...] = ()
    later: tuple[str, ...] = ()

    @property
    def schema(self) -> pl.Schema:
        return pl.Schema(self.columns)

    @property
    def stored(self) -> dict[str, DataType | DataTypeClass]:
        """The columns that are in its files; those of partitions are in the names of folders."""
        return {name: kind for name, kind in self.columns.items() if name not in self.partition_by}


def delta_schema(spec: TableSpec) -> pa.Schema:
    """The columns as the Delta log has them."""
    return pl.DataFrame(schema=spec.schema).to_arrow().schema


# One row a click, never changed. A null country, referrer or user_agent_id means that the source's log did not carry
# the field; `ZZ`, `direct` and the id of an empty agent mean that it did and the value was absent. So do the later
# columns, which also are null for what was read before they came.
CLICKS: Final = TableSpec(
    "clicks",
    {
        "day": pl.Date,  # UTC day of `at`
        "handle": pl.String,
        "event_id": pl.Int64,  # XXH3-64 (seed 0) of x-edge-request-id, as a signed integer
        "at": UTC_MICROSECONDS,
        "slug": pl.String,
        "campaign_id": pl.String,
        "status": pl.Int16,
        "method": pl.String,
        "country": pl.String,
        "referrer": pl.String,
        "referrer_host": pl.String,
        "user_agent_id": pl.Int64,  # XXH3-64 (seed 0) of the user agent, percent-decoded
        "visitor": pl.Int64,  # first 60 bits of HMAC-SHA-256 over handle, address and user_agent_id
        "source": pl.String,
        "batch": pl.Int64,
        "learnt_at": UTC_MICROSECONDS,
        "trigger": pl.String,  # 'qr' where the short link's query has `qr`, else 'link'
        "utm_source": pl.String,  # of the short link's query, else of the destination in force; '(none)' in neither
        "utm_medium": pl.String,
        "utm_campaign": pl.String,
        "purpose": pl.String,  # 'prefetch', 'prerender' or 'none', as the request's headers say
        "asn": pl.Int64,
        "protocol": pl.String,  # 'http' or 'https'
        "edge_result": pl.String,  # x-edge-result-type as sent: CloudFront may add values
        "fetch_mode": pl.String,  # Sec-Fetch-Mode and Sec-Fetch-Dest: a value of the standard, 'other', or 'none'
        "fetch_dest": pl.String,
        "referrer_sent_host": pl.String,  # as the browser sent it; '' where it sent none
        "network": pl.String,  # the operator whose published range of crawlers held the address when read, or 'none'
        "network_purpose": pl.String,  # what comes from that range: one of BOT_PURPOSES, or 'none'
        "claimed": pl.String,  # the crawler that the agent names, where its operator's ranges lack the address; 'none'
        "asn_owner": pl.String,  # who runs the autonomous system, as the list knew when it was read; 'none'
        "asn_kind": pl.String,  # 'scanner' (of the links in mail), 'data-centre' or 'none'
        # As the handle's accounts said when it happened:
        "own_rule": pl.String,  # the name of the own rule that matched; null: none did
        "own_rule_purpose": pl.String,  # one of BOT_PURPOSES
        "counted_purposes": pl.String,  # which bots' clicks count as qualified, with blanks between; null: none do
    },
    partition_by=("day",),
    bounds=("handle", "at", "learnt_at"),
    later=(
        *("trigger", "utm_source", "utm_medium", "utm_campaign", "purpose", "asn", "protocol", "edge_result"),
        *("fetch_mode", "fetch_dest", "referrer_sent_host", "network", "network_purpose", "claimed"),
        *("asn_owner", "asn_kind"),
        *("own_rule", "own_rule_purpose", "counted_purposes"),
    ),
)

# One row an accepted conversion, as its ctx and its post tell it; never changed.
CONVERSIONS: Final = TableSpec(
    "conversions",
    {
        "day": pl.Date,  # UTC day of `at`
        "handle": pl.String,
        "conversion_id": pl.String,
        "at": UTC_MICROSECONDS,  # when it was accepted
        "click_event_id": pl.Int64,  # the event_id of its click: hash of the ctx's jti
        "clicked_at": UTC_MICROSECONDS,  # the ctx's iat; the log line of the click may say a little later
        "slug": pl.String,
        "consent": pl.String,
        "event_type": pl.String,
        "value": MONEY,
        "currency": pl.String,  # null: a conversion without a value
        "learnt_at": UTC_MICROSECONDS,
        "key_hash": pl.Int64,  # first 60 bits of HMAC-SHA-256 over its idempotency key
    },
    partition_by=("day",),
    bounds=("handle", "at"),
    later=("key_hash",),
)

# One row an accepted signal. Without a ctx, click_event_id, clicked_at, slug and consent are null.
SIGNALS: Final = TableSpec(
    "signals",
    {
        "day": pl.Date,  # UTC day of `at`
        "handle": pl.String,
        "signal_id": pl.String,
        "at": UTC_MICROSECONDS,
        "session_id": pl.String,
        "click_event_id": pl.Int64,
        "clicked_at": UTC_MICROSECONDS,
        "slug": pl.String,
        "consent": pl.String,
        "signal_key": pl.String,
        "signal_value": pl.String,
        "confidence": pl.Float64,
        "learnt_at": UTC_MICROSECONDS,
    },
    partition_by=("day",),
    bounds=("handle", "at"),
)

# Every distinct user agent once, percent-decoded.
USER_AGENTS: Final = TableSpec(
    "user_agents", {"user_agent_id": pl.Int64, "user_agent": pl.String, "learnt_at": UTC_MICROSECONDS}
)

# What a list version says about a user agent. A null bot_rule is a person.
VERDICTS: Final = TableSpec(
    "verdicts",
    {
        "list_version": pl.String,
        "user_agent_id": pl.Int64,
        "bot_rule": pl.String,
        "bot_name": pl.String,
        "bot_category": pl.String,
        **dict.fromkeys(VERDICT_COLUMNS, pl.String),  # null: nobody has looked yet
    },
    partition_by=("list_version",),
    later=tuple(name for name in VERDICT_COLUMNS if name != "device"),
)

QUARTER_HOUR: Final = "quarter_hour"
DAY: Final = "day"
DETAIL: Final = "detail"

# The roll-up: clicks per quarter hour and per UTC day in the dimensions of the cube, and per UTC day in those that the
# cube leaves out (the detail grain, with the link and the campaign beside them). Rows of one key may stand several
# times (every batch appends its own; a late fact that moves clicks to another segment appends negative counts for the
# old one); they add up. `slot` counts quarter hours since 1970-01-01T00:00Z; a day's slot is its first quarter hour,
# and lacks the dimensions that are kept in the quarter-hour grain only. What a grain does not hold is null.
CLICK_COUNTS: Final = TableSpec(
    "click_counts",
    {
        "grain": pl.String,  # 'quarter_hour', 'day' or 'detail'
        "month": pl.String,  # 'yyyy-mm', UTC
        "handle": pl.String,
        "slot": pl.Int32,
        **_DIMENSIONS,
        **dict.fromkeys(sums_of("clicks"), pl.Int64),
        **dict.fromkeys(DETAIL_COLUMNS, pl.String),
    },
    partition_by=("grain", "month"),
    row_group_rows=32_768,
    bounds=("handle", "slot"),
    later=DETAIL_COLUMNS,
)

# What followed clicks: one row a conversion and one an impression (a signal with key `intent`), in the dimensions of
# their click. While the click's line has not arrived they are `(pending)`; when it does, or when the click's segment
# moves, a row with negative numbers takes the old one back. They add up. An impression without a ctx has no
# dimensions (null) and segment `unknown`.
ATTRIBUTIONS: Final = TableSpec(
    "attributions",
    {
        "month": pl.String,  # 'yyyy-mm' of `slot`, UTC
        "handle": pl.String,
        "slot": pl.Int32,  # quarter hour in which it happened
        "click_slot": pl.Int32,  # quarter hour of the click, as the ctx says; null without a ctx
        **_DIMENSIONS,
        "event_id": pl.String,  # conversion_id or signal_id
        "event_type": pl.String,  # null: an impression
        "at": UTC_MICROSECONDS,
        "confidence": pl.Float64,  # of the signal; null: a conversion
        "click_event_id": pl.Int64,
        "consent": pl.String,
        "visitor": pl.Int64,  # of the click; null while pending, for bots, and where consent was denied
        "seconds": pl.Int64,  # from the click, as the ctx says; null without a ctx
        **dict.fromkeys(sums_of("attributions"), pl.Int64),
        **dict.fromkeys(sums_of("attributions", "money"), MONEY),  # of this row's conversions
        "currency": pl.String,
        "learnt_at": UTC_MICROSECONDS,  # when it became known so
        **dict.fromkeys(DETAIL_COLUMNS, pl.String),
    },
    partition_by=("month",),
    row_group_rows=32_768,
    bounds=("handle", "slot", "learnt_at"),
    later=DETAIL_COLUMNS,
)

# Since when a handle's clicks carry a dimension that logs may lack. The least from_day of a key counts.
COVERAGE: Final = TableSpec(
    "coverage", {"handle": pl.String, "dimension": pl.String, "from_day": pl.Date}, row_group_rows=32_768
)

# What every batch did, which the commit that brought it to `clicks` says as well: that commit's log may be cleaned.
BATCH_SUMMARIES: Final = TableSpec(
    "batch_summaries",
    {
        "source": pl.String,
        "number": pl.Int64,  # of the batch, within its source
        "version": pl.Int64,  # of `clicks` after it
        "summary": pl.String,  # JSON; names every object that the batch read
    },
    row_group_rows=1_024,
)

TABLES: Final = (
    CLICKS,
    CONVERSIONS,
    SIGNALS,
    USER_AGENTS,
    VERDICTS,
    CLICK_COUNTS,
    ATTRIBUTIONS,
    COVERAGE,
    BATCH_SUMMARIES,
)
