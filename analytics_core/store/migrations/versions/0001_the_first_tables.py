"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("token_id", sa.String(length=32), nullable=False),
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_id"),
    )
    with op.batch_alter_table("access_tokens") as batch_op:
        batch_op.create_index(batch_op.f("ix_access_tokens_handle"), ["handle"], unique=False)

    op.create_table(
        "accounts_loads",
        sa.Column("place", sa.String(length=1024), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("place"),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("handle", sa.String(length=63), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("audit_events") as batch_op:
        batch_op.create_index("audit_events_by_handle", ["handle", "at"], unique=False)

    op.create_table(
        "batch_days",
        sa.Column("source", sa.String(length=1024), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("not_redirects", sa.BigInteger(), nullable=False),
        sa.Column("unknown_hosts", sa.BigInteger(), nullable=False),
        sa.Column("invalid_slugs", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "number", "day"),
    )
    op.create_table(
        "batches",
        sa.Column("source", sa.String(length=1024), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lake_version", sa.BigInteger(), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("not_redirects", sa.BigInteger(), nullable=False),
        sa.Column("unknown_hosts", sa.BigInteger(), nullable=False),
        sa.Column("invalid_slugs", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("conflicts", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("source", "number"),
    )
    op.create_table(
        "conversion_outcomes",
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("posts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handle", "day", "outcome"),
    )
    op.create_table(
        "conversions",
        sa.Column("conversion_id", sa.String(length=32), nullable=False),
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("slug", sa.String(length=24), nullable=False),
        sa.Column("click_id", sa.String(length=256), nullable=False),
        sa.Column("clicked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.String(length=256), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("consent", sa.String(length=8), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("value_e4", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carried", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("conversion_id"),
        sa.UniqueConstraint("handle", "idempotency_key"),
    )
    with op.batch_alter_table("conversions") as batch_op:
        batch_op.create_index(
            "conversions_not_carried",
            ["conversion_id"],
            unique=False,
            sqlite_where=sa.text("carried = 0"),
            postgresql_where=sa.text("NOT carried"),
        )

    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("every", sa.String(length=8), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=1024), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id"),
    )
    with op.batch_alter_table("deliveries") as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_handle"), ["handle"], unique=False)

    op.create_table(
        "delivery_runs",
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("from_day", sa.String(length=8), nullable=False),
        sa.Column("to_day", sa.String(length=8), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file", sa.String(length=2048), nullable=False),
        sa.Column("export_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "from_day"),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("data_version", sa.String(length=255), nullable=False),
        sa.Column("definitions_version", sa.String(length=16), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("exports") as batch_op:
        batch_op.create_index(batch_op.f("ix_exports_handle"), ["handle"], unique=False)

    op.create_table(
        "handles",
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("plan", sa.String(length=16), nullable=False),
        sa.Column("plan_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("handle"),
    )
    op.create_table(
        "objects",
        sa.Column("source", sa.String(length=1024), nullable=False),
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("version", sa.String(length=255), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("refused", sa.String(length=255), nullable=True),
        sa.Column("unknown_hosts", sa.BigInteger(), nullable=False),
        sa.Column("hosts", sa.String(length=32), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", "version"),
    )
    with op.batch_alter_table("objects") as batch_op:
        batch_op.create_index("objects_by_outcome", ["source", "refused", "number"], unique=False)

    op.create_table(
        "rejects",
        sa.Column("source", sa.String(length=1024), nullable=False),
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("version", sa.String(length=255), nullable=False),
        sa.Column("line_number", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("learnt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", "version", "line_number"),
    )
    op.create_table(
        "signals",
        sa.Column("signal_id", sa.String(length=32), nullable=False),
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("session_id", sa.String(length=256), nullable=False),
        sa.Column("slug", sa.String(length=24), nullable=True),
        sa.Column("click_id", sa.String(length=256), nullable=True),
        sa.Column("clicked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consent", sa.String(length=8), nullable=True),
        sa.Column("signal_key", sa.String(length=64), nullable=False),
        sa.Column("signal_value", sa.String(length=256), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carried", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("signal_id"),
    )
    with op.batch_alter_table("signals") as batch_op:
        batch_op.create_index("signals_by_session", ["handle", "session_id"], unique=False)
        batch_op.create_index(
            "signals_not_carried",
            ["signal_id"],
            unique=False,
            sqlite_where=sa.text("carried = 0"),
            postgresql_where=sa.text("NOT carried"),
        )

    op.create_table(
        "syncs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("syncs") as batch_op:
        batch_op.create_index("syncs_by_end", ["complete", "finished_at"], unique=False)
        batch_op.create_index("syncs_by_start", ["configured", "started_at"], unique=False)

    op.create_table(
        "campaigns",
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("campaign_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["handle"],
            ["handles.handle"],
        ),
        sa.PrimaryKeyConstraint("handle", "campaign_id"),
    )
    op.create_table(
        "collaborators",
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["handle"],
            ["handles.handle"],
        ),
        sa.PrimaryKeyConstraint("handle", "user_id"),
    )
    with op.batch_alter_table("collaborators") as batch_op:
        batch_op.create_index(batch_op.f("ix_collaborators_user_id"), ["user_id"], unique=False)

    op.create_table(
        "domains",
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(
            ["handle"],
            ["handles.handle"],
        ),
        sa.PrimaryKeyConstraint("domain"),
    )
    with op.batch_alter_table("domains") as batch_op:
        batch_op.create_index(batch_op.f("ix_domains_handle"), ["handle"], unique=False)

    op.create_table(
        "links",
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("slug", sa.String(length=24), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("destination_url", sa.Text(), nullable=False),
        sa.Column("redirect_status", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(length=128), nullable=True),
        sa.Column("append_context_param", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["handle"],
            ["handles.handle"],
        ),
        sa.PrimaryKeyConstraint("handle", "slug", "valid_from"),
    )
    op.create_table(
        "source_syncs",
        sa.Column("run", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(length=1024), nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.Column("sampling", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("listed_all", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run"],
            ["syncs.id"],
        ),
        sa.PrimaryKeyConstraint("run", "source"),
    )
    with op.batch_alter_table("source_syncs") as batch_op:
        batch_op.create_index("source_syncs_by_end", ["source", "complete", "finished_at"], unique=False)
