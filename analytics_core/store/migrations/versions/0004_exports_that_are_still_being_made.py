"""Exports that are still being made: their rows and hash come later, or the reason why they never will."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("exports") as batch_op:
        batch_op.alter_column("rows", existing_type=sa.BigInteger(), nullable=True)
        batch_op.alter_column("sha256", existing_type=sa.String(length=64), nullable=True)
        batch_op.add_column(sa.Column("reason", sa.Text(), nullable=True))
