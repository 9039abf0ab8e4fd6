"""The database's tables: accounts, the ledger of what ingest has read, conversions and signals.

SQLite and PostgreSQL alike.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData()
VERSION: Final = "0006"  # of these tables: the newest script in `migrations/`


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC times in both directions; SQLite alone would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002  (the signature is SQLAlchemy's)
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# --- accounts -------------------------------------------------------------------------------------------------------

handles = Table(
    "handles",
    metadata,
    Column("handle", String(63), primary_key=True),
    Column("plan", String(16), nullable=False),
    Column("plan_since", UtcTime, nullable=False),
    Column("timezone", String(64), nullable=False),
)

domains = Table(
    "domains",
    metadata,
    Column("domain", String(253), primary_key=True),
    Column("handle", ForeignKey("handles.handle"), nullable=False, index=True),
)

collaborators = Table(
    "collaborators",
    metadata,
    Column("handle", ForeignKey("handles.handle"), primary_key=True),
    Column("user_id", String(255), primary_key=True, index=True),
    Column("role", String(16), nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("handle", ForeignKey("handles.handle"), primary_key=True),
    Column("campaign_id", String(128), primary_key=True),
    Column("name", Text, nullable=False),
)

# Every state that a link has been in. A click is stamped from the row in force when it happened; the first row of a
# link also holds for the time before it was first loaded.
links = Table(
    "links",
    metadata,
    Column("handle", ForeignKey("handles.handle"), primary_key=True),
    Column("slug", String(24), primary_key=True),
    Column("valid_from", UtcTime, primary_key=True),
    Column("valid_to", UtcTime),  # null: in force now
    Column("destination_url", Text, nullable=False),
    Column("redirect_status", Integer, nullable=False),
    Column("campaign_id", String(128)),
    Column("append_context_param", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("expires_at", UtcTime),
    Column("title", Text),
)

# Every state that a rule of a handle over its own clicks has been in: they are a bot's where the viewer's address lies
# in `network` (as CIDR), or the user agent contains `agent`; one of both is null. A click is judged by the rows in
# force when it happened. Rows that came with the handle begin in 1970.
own_rules = Table(
    "own_rules",
    metadata,
    Column("handle", ForeignKey("handles.handle"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("valid_from", UtcTime, primary_key=True),
    Column("valid_to", UtcTime),  # null: in force now
    Column("place", Integer, nullable=False),  # in the file: of several rules that match the first counts
    Column("network", String(43)),
    Column("agent", String(200)),
    Column("purpose", String(16), nullable=False),  # one of BOT_PURPOSES
    Column("sentence", Text),  # why there is the rule
)

# Every choice of a handle which bots' clicks count as qualified, as own_rules are kept. No row in force: none do.
counted_purposes = Table(
    "counted_purposes",
    metadata,
    Column("handle", ForeignKey("handles.handle"), primary_key=True),
    Column("valid_from", UtcTime, primary_key=True),
    Column("valid_to", UtcTime),
    Column("purposes", Text, nullable=False),  # of BOT_PURPOSES, in their order, with blanks between
)

# --- the sync ledger ------------------------------------------------------------------------------------------------

# One row a committed batch: the identity `lines = clicks + … + rejected`. `number` counts up per source and is the
# version of the source's Delta transaction.
batches = Table(
    "batches",
    metadata,
    Column("source", String(1024), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("committed_at", UtcTime, nullable=False),
    Column("lake_version", BigInteger, nullable=False),
    Column("objects", Integer, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("not_redirects", BigInteger, nullable=False),
    Column("unknown_hosts", BigInteger, nullable=False),
    Column("invalid_slugs", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("conflicts", BigInteger, nullable=False),  # duplicates whose content differs from the line that was kept
    Column("seconds", Float, nullable=False),
)

# The same identity per UTC day of the lines' own times; day is '' for lines whose time could not be read.
batch_days = Table(
    "batch_days",
    metadata,
    Column("source", String(1024), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("lines", BigInteger, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("not_redirects", BigInteger, nullable=False),
    Column("unknown_hosts", BigInteger, nullable=False),
    Column("invalid_slugs", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
)

# How far each version of each object has been read. `position` counts bytes of its decompressed text.
objects = Table(
    "objects",
    metadata,
    Column("source", String(1024), primary_key=True),
    Column("key", String(1024), primary_key=True),
    Column("version", String(255), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),  # lines up to `position`, for line numbers that go on counting
    Column("complete", Boolean, nullable=False),
    Column("refused", String(255)),  # why an object was rejected as a whole
    Column("unknown_hosts", BigInteger, nullable=False),  # lines that may be clicks once more accounts are known
    Column("hosts", String(32), nullable=False),  # the version of the hosts that were known then; '' without such lines
    Column("read_at", UtcTime, nullable=False),
    Index("objects_by_outcome", "source", "refused", "number"),
)

# Lines that could not be read: raw, capped.
rejects = Table(
    "rejects",
    metadata,
    Column("source", String(1024), primary_key=True),
    Column("key", String(1024), primary_key=True),
    Column("version", String(255), primary_key=True),
    Column("line_number", BigInteger, primary_key=True),
    Column("reason", String(64), nullable=False),
    Column("raw", Text, nullable=False),
    Column("learnt_at", UtcTime, nullable=False),
)

# Runs of `ingest sync`. `complete`: every source of the run was read to its end.
syncs = Table(
    "syncs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("complete", Boolean, nullable=False),
    Column("configured", Boolean, nullable=False),  # the run saw a sources.toml, whatever it read
    Index("syncs_by_end", "complete", "finished_at"),
    Index("syncs_by_start", "configured", "started_at"),
)

# What a run did with each of its sources, and which were configured then, read or not. A source that was read to its
# end makes the numbers fresh.
source_syncs = Table(
    "source_syncs",
    metadata,
    Column("run", ForeignKey("syncs.id"), primary_key=True),
    Column("source", String(1024), primary_key=True),
    Column("configured", Boolean, nullable=False),
    Column("sampling", Integer, nullable=False),  # percent
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("complete", Boolean, nullable=False),
    Column("listed_all", Boolean, nullable=False),  # not only the keys of the last hours
    Index("source_syncs_by_end", "source", "complete", "finished_at"),
)

# The latest moment as of which anything was answered: one row, `id` 1. Facts that are learnt later say a later time.
as_of_horizon = Table(
    "as_of_horizon",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("moment", UtcTime, nullable=False),
)

# --- exports --------------------------------------------------------------------------------------------------------

# One row a download: what its file answers, and in the end the SHA-256 of its bytes.
exports = Table(
    "exports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("handle", String(63), nullable=False, index=True),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("format", String(8), nullable=False),
    Column("query", Text, nullable=False),  # JSON, in the words of the API
    Column("data_version", String(255), nullable=False),
    Column("definitions_version", String(16), nullable=False),
    Column("timezone_release", String(16)),  # not known of those that release 0.1.0 made
    Column("rows", BigInteger),  # null until the file is complete, as is its hash
    Column("sha256", String(64)),
    Column("reason", Text),  # why it never will be
)

# --- conversions and signals ----------------------------------------------------------------------------------------

# Accepted conversions, one a handle and idempotency key, for ever. Sync carries them to the lake and marks them.
conversions = Table(
    "conversions",
    metadata,
    Column("conversion_id", String(32), primary_key=True),  # UUID version 7: sorts by time
    Column("handle", String(63), nullable=False),
    Column("idempotency_key", String(255), nullable=False),
    Column("content", String(64), nullable=False),  # SHA-256 of what was posted, to tell a replay from a reused key
    Column("slug", String(24), nullable=False),
    Column("click_id", String(256), nullable=False),
    Column("clicked_at", UtcTime, nullable=False),
    Column("session_id", String(256)),
    Column("position", Integer),
    Column("consent", String(8), nullable=False),
    Column("event_type", String(64), nullable=False),
    Column("value_e4", BigInteger, nullable=False),  # in 1/10,000: SQLite has no exact decimals
    Column("currency", String(3)),
    Column("at", UtcTime, nullable=False),
    Column("carried", Boolean, nullable=False, default=False),
    UniqueConstraint("handle", "idempotency_key"),
)
Index(
    "conversions_not_carried",  # for `WHERE ~carried`
    conversions.c.conversion_id,
    sqlite_where=~conversions.c.carried,
    postgresql_where=~conversions.c.carried,
)

signals = Table(
    "signals",
    metadata,
    Column("signal_id", String(32), primary_key=True),
    Column("handle", String(63), nullable=False),
    Column("session_id", String(256), nullable=False),
    Column("slug", String(24)),
    Column("click_id", String(256)),
    Column("clicked_at", UtcTime),
    Column("consent", String(8)),
    Column("signal_key", String(64), nullable=False),
    Column("signal_value", String(256), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("source", String(64)),
    Column("metadata", Text),  # JSON
    Column("at", UtcTime, nullable=False),
    Column("carried", Boolean, nullable=False, default=False),  # or kept aside for good: of a handle that is not there
    Index("signals_by_session", "handle", "session_id"),
)
Index(
    "signals_not_carried",
    signals.c.signal_id,
    sqlite_where=~signals.c.carried,
    postgresql_where=~signals.c.carried,
)

# How every post of a conversion ended, per handle ('' where the handle is not known) and UTC day.
conversion_outcomes = Table(
    "conversion_outcomes",
    metadata,
    Column("handle", String(63), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("outcome", String(32), primary_key=True),
    Column("posts", BigInteger, nullable=False),
)

# --- access ---------------------------------------------------------------------------------------------------------

# Personal access tokens. Of the secret only a keyed hash is kept.
access_tokens = Table(
    "access_tokens",
    metadata,
    Column("token_id", String(32), primary_key=True),
    Column("handle", String(63), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("scopes", Text, nullable=False),  # with blanks between
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
)

# Who did what, when. `handle` is null where an event concerns none: a failed sign-in on the dashboard.
audit_events = Table(
    "audit_events",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(320), nullable=False),
    Column("handle", String(63)),
    Column("action", String(64), nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Column("request_id", String(64), nullable=False),
    Index("audit_events_by_handle", "handle", "at"),
)

# What the last load of each accounts file held, so that a sync loads it again only when it has changed.
accounts_loads = Table(
    "accounts_loads",
    metadata,
    Column("place", String(1024), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("loaded_at", UtcTime, nullable=False),
)

# --- scheduled exports ----------------------------------------------------------------------------------------------

# A saved query that is exported once a period, to a folder or an s3:// prefix.
deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", String(32), primary_key=True),
    Column("handle", String(63), nullable=False, index=True),
    Column("every", String(8), nullable=False),  # daily, weekly
    Column("format", String(8), nullable=False),
    Column("query", Text, nullable=False),  # JSON, in the words of the API, without days
    Column("timezone", String(64), nullable=False),
    Column("place", String(1024), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("removed_at", UtcTime),
)

# How each period of a delivery ended. Only what was delivered is final.
delivery_runs = Table(
    "delivery_runs",
    metadata,
    Column("delivery_id", String(32), primary_key=True),
    Column("from_day", String(8), primary_key=True),
    Column("to_day", String(8), nullable=False),
    Column("outcome", String(16), nullable=False),  # delivered, skipped, failed
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("file", String(2048), nullable=False),
    Column("export_id", String(32), nullable=False),
)
