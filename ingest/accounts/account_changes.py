"""What a load of the accounts file changes, as audit events, one a change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Connection, select

from analytics_core.store import tables
from analytics_core.store.access_tokens import AccessToken
from analytics_core.store.audit_events import AuditEvent
from ingest.accounts.versioned_rows import states_in_force

_Value = TypeVar("_Value")
LOADER: Final = "ingest accounts"  # who changes accounts: the file speaks, not a person


@dataclass(frozen=True, slots=True)
class AccountState:
    """A handle as the database has it, or as a file wants it. `people`: user id → role; `campaigns`: id → name;
    `own_rules`: name → the other columns of its row; `counted_purposes` in the order of BOT_PURPOSES."""

    plan: str
    plan_since: datetime
    timezone: str
    domains: frozenset[str]
    people: Mapping[str, str]
    campaigns: Mapping[str, str]
    own_rules: Mapping[str, Mapping[str, Any]]
    counted_purposes: tuple[str, ...]


def stored_state(connection: Connection, handle: str) -> AccountState | None:
    """None for a handle that is not there yet."""
    own, domain, person, campaign = (
        tables.handles,
        tables.domains,
        tables.collaborators,
        tables.campaigns,
    )
    row = connection.execute(select(own).where(own.c.handle == handle)).one_or_none()
    if row is None:
        return None
    domains = connection.execute(select(domain.c.domain).where(domain.c.handle == handle)).scalars()
    people = connection.execute(select(person.c.user_id, person.c.role).where(person.c.handle == handle)).all()
    campaigns = connection.execute(
        select(campaign.c.campaign_id, campaign.c.name).where(campaign.c.handle == handle)
    ).all()
    return AccountState(
        row.plan,
        row.plan_since,
        row.timezone,
        frozenset(domains),
        {one.user_id: one.role for one in people},
        {one.campaign_id: one.name for one in campaigns},
        states_in_force(connection, tables.own_rules, handle, "name"),
        _counted(connection, handle),
    )


def _counted(connection: Connection, handle: str) -> tuple[str, ...]:
    found = states_in_force(connection, tables.counted_purposes, handle, "handle")
    return tuple(found[handle]["purposes"].split()) if found else ()


def changes(
    handle: str, before: AccountState | None, after: AccountState, links_changed: int, now: datetime
) -> Iterator[AuditEvent]:
    """One event a change."""

    def event(action: str, **detail: Any) -> AuditEvent:
        return AuditEvent(now, LOADER, handle, action, detail)

    if before is None:
        yield event("handle.added", plan=after.plan, planSince=after.plan_since.isoformat())
        before = AccountState(after.plan, after.plan_since, after.timezone, frozenset(), {}, {}, {}, ())
    if (before.plan, before.plan_since) != (after.plan, after.plan_since):
        yield event("plan.changed", before=before.plan, after=after.plan, planSince=after.plan_since.isoformat())
    if before.timezone != after.timezone:
        yield event("timezone.changed", before=before.timezone, after=after.timezone)
    if before.domains != after.domains:
        yield event("domains.changed", before=sorted(before.domains), after=sorted(after.domains))
    for verb, user_id, had, has in _differences(before.people, after.people):
        roles = {"before": had, "after": has} if verb == "changed" else {"role": has or had}
        yield event(f"collaborator.{verb}", userId=user_id, **roles)
    for verb, campaign_id, had, has in _differences(before.campaigns, after.campaigns):
        names = {"before": had, "after": has} if verb == "changed" else {"name": had if has is None else has}
        yield event(f"campaign.{verb}", campaignId=campaign_id, **names)
    if links_changed:
        yield event("links.changed", links=links_changed)
    for verb, name, had, has in _differences(before.own_rules, after.own_rules):
        rules = {"before": _told(had), "after": _told(has)} if verb == "changed" else _told(has or had)
        yield event(f"own_rule.{verb}", name=name, **rules)
    if before.counted_purposes != after.counted_purposes:
        yield event(
            "counted_purposes.changed", before=list(before.counted_purposes), after=list(after.counted_purposes)
        )


def revocations(tokens: Iterable[AccessToken], now: datetime) -> Iterator[AuditEvent]:
    """One event a token that a load revoked, since its maker is gone."""
    for token in tokens:
        detail = {"tokenId": token.token_id, "name": token.name, "createdBy": token.created_by}
        yield AuditEvent(now, LOADER, token.handle, "token.revoked", detail)


def _told(rule: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an own rule says."""
    return {name: value for name, value in (rule or {}).items() if value is not None}


def _differences(
    before: Mapping[str, _Value], after: Mapping[str, _Value]
) -> Iterator[tuple[Literal["added", "removed", "changed"], str, _Value | None, _Value | None]]:
    """What happened to which key, with its values before and after."""
    for key in sorted({*before, *after}):
        had, has = before.get(key), after.get(key)
        if had is None:
            yield "added", key, had, has
        elif has is None:
            yield "removed", key, had, has
        elif had != has:
            yield "changed", key, had, has
