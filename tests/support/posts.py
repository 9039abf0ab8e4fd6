"""What is posted to the public doors, and what the database holds of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from analytics_core.settings import Settings
from analytics_core.store import conversion_ledger, tables
from analytics_core.store.database import Database
from analytics_core.tracking.ctx import Context, mint
from support.logs import START, Request
from support.world import World


def ctx(settings: Settings, clicked_at: datetime, **said: Any) -> str:
    """A token as a redirect mints it, of a click on acme's `launch`."""
    claims = {"handle": "acme", "slug": "launch", "click_id": "click-1=="} | said
    return mint(Context(clicked_at=clicked_at, **claims), settings.ctx_keys, settings.ctx_ttl)


def conversion(token: str, key: str = "order-1", **fields: Any) -> dict[str, Any]:
    posted = {"ctx": token, "eventType": "purchase", "idempotencyKey": key, "value": 99.99, "currency": "USD"}
    return {name: value for name, value in (posted | fields).items() if value is not ...}


def kept(database: Database) -> list[Any]:
    """Every conversion, by its key."""
    with database.connect() as connection:
        rows = select(tables.conversions).order_by(tables.conversions.c.idempotency_key)
        return list(connection.execute(rows))


def convert(world: World, click: Request, key: str = "a") -> None:
    """A conversion of the click, as the door leaves it in the database."""
    row = conversion_ledger.Conversion(
        conversion_id=key,
        handle="acme",
        idempotency_key=key,
        content="",
        slug="launch",
        click_id=click.id,
        clicked_at=START,
        session_id=None,
        position=None,
        consent="full",
        event_type="conversion",
        value_e4=99_900,
        currency="EUR",
        at=START + timedelta(minutes=5),
    )
    with world.database.begin() as connection:
        conversion_ledger.record(connection, [conversion_ledger.Post(row)])


def outcomes(database: Database) -> dict[tuple[str, str], int]:
    """(handle, outcome) → posts, of all days."""
    found: dict[tuple[str, str], int] = {}
    with database.connect() as connection:
        for row in connection.execute(select(tables.conversion_outcomes)):
            found[row.handle, row.outcome] = found.get((row.handle, row.outcome), 0) + row.posts
    return found


def long_ago(now: datetime) -> datetime:
    return now - timedelta(days=30)
