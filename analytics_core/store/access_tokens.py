"""Personal access tokens as stored: by id, with the hash of the secret. What a token may do is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, or_, select, update

from analytics_core.store import tables
from analytics_core.store.database import Database

_USE_IS_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AccessToken:
    token_id: str
    handle: str
    name: str
    secret_hash: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class AccessTokens:
    """The tokens of every handle. Every call reads the current state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, token_id: str) -> AccessToken | None:
        token = tables.access_tokens
        with self._database.connect() as connection:
            row = connection.execute(select(token).where(token.c.token_id == token_id)).mappings().one_or_none()
        return None if row is None else _token(row)

    def of_handle(self, handle: str) -> tuple[AccessToken, ...]:
        """Those that are not revoked, newest first."""
        token = tables.access_tokens
        with self._database.connect() as connection:
            rows = connection.execute(
                select(token)
                .where(token.c.handle == handle, token.c.revoked_at.is_(None))
                .order_by(token.c.created_at.desc(), token.c.token_id)
            ).mappings()
            return tuple(_token(row) for row in rows)

    def note_use(self, token: AccessToken, now: datetime) -> None:
        """Keeps when the token was last used, to the minute: a busy token writes once a minute."""
        if token.last_used_at is not None and now - token.last_used_at < _USE_IS_NOTED_EVERY:
            return
        kept = tables.access_tokens
        is_due = or_(kept.c.last_used_at.is_(None), kept.c.last_used_at <= now - _USE_IS_NOTED_EVERY)
        with self._database.begin() as connection:
            connection.execute(update(kept).where(kept.c.token_id == token.token_id, is_due).values(last_used_at=now))


def add(connection: Connection, token: AccessToken) -> bool:
    """Keeps the token; False, when its maker has no role on the handle any more.

    A load of the accounts that removes the maker at the same time is either over, and seen here, or comes after this
    transaction, and revokes the token.
    """
    handle, person = tables.handles, tables.collaborators
    connection.execute(  # changes nothing, and waits for a load: it begins with this row
        update(handle).where(handle.c.handle == token.handle).values(plan=handle.c.plan)
    )
    is_maker = (person.c.handle == token.handle) & (person.c.user_id == token.created_by)
    if connection.execute(select(person.c.role).where(is_maker)).first() is None:
        return False
    row = {name: getattr(token, name) for name in AccessToken.__dataclass_fields__}
    connection.execute(tables.access_tokens.insert().values(row | {"scopes": " ".join(token.scopes)}))
    return True


def revoke(connection: Connection, handle: str, token_id: str, now: datetime) -> str | None:
    """The name of the token that is revoked now; None when the handle has no such token, or no longer."""
    token = tables.access_tokens
    return connection.execute(
        update(token)
        .where(token.c.token_id == token_id, token.c.handle == handle, token.c.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(token.c.name)
    ).scalar_one_or_none()


def revoke_of_strangers(connection: Connection, handle: str, now: datetime) -> tuple[AccessToken, ...]:
    """Revokes the tokens of makers who have no role on the handle: they stay dead when a maker gets one again."""
    token, person = tables.access_tokens, tables.collaborators
    people = select(person.c.user_id).where(person.c.handle == handle)
    is_due = (token.c.handle == handle) & token.c.revoked_at.is_(None) & token.c.created_by.not_in(people)
    rows = connection.execute(update(token).where(is_due).values(revoked_at=now).returning(token)).mappings()
    return tuple(_token(row) for row in rows)


def _token(row: RowMapping) -> AccessToken:
    values: dict[str, Any] = {name: row[name] for name in AccessToken.__dataclass_fields__}
    values["scopes"] = tuple(row["scopes"].split())
    return AccessToken(**values)
