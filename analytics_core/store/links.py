"""Short links as they are now, and whose host a request came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from analytics_core.store import tables
from analytics_core.store.database import Database


@dataclass(frozen=True, slots=True)
class Link:
    """A short link in the state that is in force."""

    handle: str
    slug: str
    destination_url: str
    redirect_status: int
    append_context_param: bool
    enabled: bool
    expires_at: datetime | None


class Links:
    """What the database knows of links and hosts. Every call reads the current state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, handle: str, slug: str) -> Link | None:
        link = tables.links
        with self._database.connect() as connection:
            row = connection.execute(
                select(link).where(link.c.handle == handle, link.c.slug == slug, link.c.valid_to.is_(None))
            ).one_or_none()
        if row is None:
            return None
        return Link(
            handle=row.handle,
            slug=row.slug,
            destination_url=row.destination_url,
            redirect_status=row.redirect_status,
            append_context_param=row.append_context_param,
            enabled=row.enabled,
            expires_at=row.expires_at,
        )

    def handle_of_domain(self, domain: str) -> str | None:
        """Whose custom domain it is."""
        known = tables.domains
        with self._database.connect() as connection:
            return connection.execute(select(known.c.handle).where(known.c.domain == domain)).scalar_one_or_none()

    def is_handle(self, name: str) -> bool:
        known = tables.handles.c.handle
        with self._database.connect() as connection:
            return connection.execute(select(known).where(known == name)).first() is not None
