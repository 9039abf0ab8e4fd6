"""What a load of the accounts file changes, as audit events: plans, people, zones, domains, links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from analytics_core.store import tables
from analytics_core.store.audit import AuditEvent

LOADER: Final = "ingest accounts"  # who changes accounts: the file speaks, not a person


@dataclass(frozen=True, slots=True)
class AccountState:
    """A handle as the database has it, or as a file wants it. `people`: user id → role."""

    plan: str
    plan_since: datetime
    timezone: str
    domains: frozenset[str]
    people: Mapping[str, str]


def stored_state(connection: Connection, handle: str) -> AccountState | None:
    """None for a handle that is not there yet."""
    own, domain, person = tables.handles, tables.domains, tables.collaborators
    row = connection.execute(select(own).where(own.c.handle == handle)).one_or_none()
    if row is None:
        return None
    domains = connection.execute(select(domain.c.domain).where(domain.c.handle == handle)).scalars()
    people = connection.execute(select(person.c.user_id, person.c.role).where(person.c.handle == handle)).all()
    return AccountState(
        row.plan, row.plan_since, row.timezone, frozenset(domains), {one.user_id: one.role for one in people}
    )


def changes(
    handle: str, before: AccountState | None, after: AccountState, links_changed: int, now: datetime
) -> Iterator[AuditEvent]:
    """One event a change."""

    def event(action: str, **detail: Any) -> AuditEvent:
        return AuditEvent(now, LOADER, handle, action, detail)

    if before is None:
        yield event("handle.added", plan=after.plan, planSince=after.plan_since.isoformat())
        before = AccountState(after.plan, after.plan_since, after.timezone, frozenset(), {})
    if (before.plan, before.plan_since) != (after.plan, after.plan_since):
        yield event("plan.changed", before=before.plan, after=after.plan, planSince=after.plan_since.isoformat())
    if before.timezone != after.timezone:
        yield event("timezone.changed", before=before.timezone, after=after.timezone)
    if before.domains != after.domains:
        yield event("domains.changed", before=sorted(before.domains), after=sorted(after.domains))
    for user_id in sorted({*before.people, *after.people}):
        had, has = before.people.get(user_id), after.people.get(user_id)
        if had is None:
            yield event("collaborator.added", userId=user_id, role=has)
        elif has is None:
            yield event("collaborator.removed", userId=user_id, role=had)
        elif had != has:
            yield event("collaborator.changed", userId=user_id, before=had, after=has)
    if links_changed:
        yield event("links.changed", links=links_changed)
