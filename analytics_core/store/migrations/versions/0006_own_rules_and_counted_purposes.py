"""Rules of handles over their own clicks, and the purposes of bots that they count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "own_rules",
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("network", sa.String(length=43), nullable=True),
        sa.Column("agent", sa.String(length=200), nullable=True),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["handle"], ["handles.handle"]),
        sa.PrimaryKeyConstraint("handle", "name", "valid_from"),
    )
    op.create_table(
        "counted_purposes",
        sa.Column("handle", sa.String(length=63), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purposes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["handle"], ["handles.handle"]),
        sa.PrimaryKeyConstraint("handle", "valid_from"),
    )
