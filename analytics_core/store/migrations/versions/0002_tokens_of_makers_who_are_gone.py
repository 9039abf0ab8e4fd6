"""Revokes personal access tokens whose maker has no role on the handle any more, and tells the audit log.

From this version on a load of the accounts does so when it removes the maker. Before, a token came alive again when its
maker did.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TOKENS = sa.table(
    "access_tokens",
    sa.column("token_id", sa.String),
    sa.column("handle", sa.String),
    sa.column("name", sa.String),
    sa.column("created_by", sa.String),
    sa.column("revoked_at", sa.DateTime(timezone=True)),
)
_PEOPLE = sa.table("collaborators", sa.column("handle", sa.String), sa.column("user_id", sa.String))
_EVENTS = sa.table(
    "audit_events",
    sa.column("id", sa.String),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("actor", sa.String),
    sa.column("handle", sa.String),
    sa.column("action", sa.String),
    sa.column("detail", sa.Text),
    sa.column("request_id", sa.String),
)


def upgrade() -> None:
    connection, now = op.get_bind(), datetime.now(UTC)
    is_maker = (_PEOPLE.c.handle == _TOKENS.c.handle) & (_PEOPLE.c.user_id == _TOKENS.c.created_by)
    is_gone = _TOKENS.c.revoked_at.is_(None) & ~sa.exists().where(is_maker)
    for token in connection.execute(sa.select(_TOKENS).where(is_gone)).all():
        connection.execute(sa.update(_TOKENS).where(_TOKENS.c.token_id == token.token_id).values(revoked_at=now))
        event = {
            "id": uuid4().hex,
            "at": now,
            "actor": "upgrade",
            "handle": token.handle,
            "action": "token.revoked",
            "detail": json.dumps({"tokenId": token.token_id, "name": token.name, "createdBy": token.created_by}),
            "request_id": "",
        }
        connection.execute(_EVENTS.insert().values(event))
