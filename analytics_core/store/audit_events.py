"""The audit log: who did what to which handle, when, and in which request. Written once, never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

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
    event_id: str = ""  # once it is kept


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

    def events(
        self, handle: str | None, *, limit: int, before: datetime | AuditEvent | None = None
    ) -> tuple[AuditEvent, ...]:
        """The events of a handle, or those that concern none; before a time, or those that follow an event."""
        log = tables.audit_events
        statement = select(log).where(_of(handle))
        if isinstance(before, datetime):
            statement = statement.where(log.c.at < before)
        elif before is not None:  # many can have one and the same time
            follows = or_(log.c.at < before.at, and_(log.c.at == before.at, log.c.id > before.event_id))
            statement = statement.where(follows)
        with self._database.connect() as connection:
            rows = connection.execute(statement.order_by(log.c.at.desc(), log.c.id).limit(limit)).all()
        return tuple(_event(row) for row in rows)

    def find(self, handle: str | None, event_id: str) -> AuditEvent | None:
        """One event of the handle, or of none."""
        log = tables.audit_events
        with self._database.connect() as connection:
            row = connection.execute(select(log).where(_of(handle), log.c.id == event_id)).one_or_none()
        return None if row is None else _event(row)


def _of(handle: str | None) -> ColumnElement[bool]:
    of = tables.audit_events.c.handle
    return of.is_(None) if handle is None else of == handle


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(row.at, row.actor, row.handle, row.action, json.loads(row.detail), row.request_id, row.id)


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
