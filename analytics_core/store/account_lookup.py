"""Accounts as stored: handles with plan and zone, collaborators, hosts, campaigns. Reading only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from analytics_core.model import Plan, Role
from analytics_core.store import tables
from analytics_core.store.database import Database


@dataclass(frozen=True, slots=True)
class Account:
    """A handle and the state of its plan."""

    handle: str
    plan: Plan
    plan_since: datetime
    timezone: str


class Accounts:
    """What the database knows of handles. Every call reads the current state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, handle: str) -> Account | None:
        with self._database.connect() as connection:
            row = connection.execute(select(tables.handles).where(tables.handles.c.handle == handle)).one_or_none()
        return None if row is None else Account(row.handle, Plan(row.plan), row.plan_since, row.timezone)

    def role(self, handle: str, user_id: str) -> Role | None:
        """The role of a user on a handle; None for a stranger."""
        role = tables.collaborators
        with self._database.connect() as connection:
            found = connection.execute(
                select(role.c.role).where(role.c.handle == handle, role.c.user_id == user_id)
            ).scalar_one_or_none()
        return None if found is None else Role(found)

    def handles_of(self, user_id: str) -> tuple[str, ...]:
        """The handles on which the user has a role, in alphabetical order."""
        role = tables.collaborators
        with self._database.connect() as connection:
            return tuple(
                connection.execute(
                    select(role.c.handle).where(role.c.user_id == user_id).order_by(role.c.handle)
                ).scalars()
            )

    def all_handles(self) -> tuple[str, ...]:
        with self._database.connect() as connection:
            return tuple(
                connection.execute(select(tables.handles.c.handle).order_by(tables.handles.c.handle)).scalars()
            )

    def find_handles(self, text: str, limit: int) -> tuple[str, ...]:
        """Handles with the text in their name, in alphabetical order."""
        handle = tables.handles.c.handle
        with self._database.connect() as connection:
            return tuple(
                connection.execute(
                    select(handle).where(handle.contains(text, autoescape=True)).order_by(handle).limit(limit)
                ).scalars()
            )

    def users(self) -> tuple[tuple[str, str, Role], ...]:
        """(user id, handle, role) of every collaborator: the demo users of a demo world."""
        role = tables.collaborators
        with self._database.connect() as connection:
            rows = connection.execute(select(role).order_by(role.c.handle, role.c.user_id)).all()
        return tuple((row.user_id, row.handle, Role(row.role)) for row in rows)

    def campaigns(self, handle: str) -> dict[str, str]:
        """campaignId → name."""
        campaign = tables.campaigns
        with self._database.connect() as connection:
            rows = connection.execute(
                select(campaign).where(campaign.c.handle == handle).order_by(campaign.c.campaign_id)
            ).all()
        return {row.campaign_id: row.name for row in rows}

    def hosts(self) -> dict[str, str]:
        """Custom domain → handle."""
        with self._database.connect() as connection:
            return {row.domain: row.handle for row in connection.execute(select(tables.domains))}
