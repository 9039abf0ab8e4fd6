"""The audit log: who did what to which handle, when, and in which request. Written once, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, select

from analytics_core.store import tables
from analytics_core.store.database import Database


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """`action` is a word such as `token.created`; `detail` holds what it takes to understand it, and no secret."""

    at: datetime
    actor: str
    handle: str | None
    action: str
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    request_id: str = ""


def record(connection: Connection, *events: AuditEvent) -> None:
    """Writes the events in the transaction of what they tell of: neither happens without the other."""
    if events:
        connection.execute(tables.audit_events.insert(), [_row(event) for event in events])


class Audit:
    """Reads the log, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, event: AuditEvent) -> None:
        with self._database.begin() as connection:
            record(connection, event)

    def events(self, handle: str | None, *, limit: int, before: datetime | None = None) -> tuple[AuditEvent, ...]:
        """The events of a handle, or those that concern none."""
        log = tables.audit_events
        statement = select(log).where(log.c.handle.is_(None) if handle is None else log.c.handle == handle)
        if before is not None:
            statement = statement.where(log.c.at < before)
        with self._database.connect() as connection:
            rows = connection.execute(statement.order_by(log.c.at.desc(), log.c.id).limit(limit)).all()
        return tuple(
            AuditEvent(row.at, row.actor, row.handle, row.action, json.loads(row.detail), row.request_id)
            for row in rows
        )


def _row(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": uuid4().hex,
        "at": event.at,
        "actor": event.actor,
        "handle": event.handle,
        "action": event.action,
        "detail": json.dumps(event.detail, ensure_ascii=False),
        "request_id": event.request_id,
    }
