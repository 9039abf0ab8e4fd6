"""Locks between processes that go with whoever holds them: one that is killed blocks nobody."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from analytics_core.errors import StoreUnavailableError
from analytics_core.store.database import Database


@contextmanager
def alone(database: Database, name: str) -> Generator[None]:
    """Runs the block while no other that took the same name on this database does, in whatever process: it waits.

    PostgreSQL keeps the lock with an open transaction, so it also holds behind a pooler. SQLite has no lock but that of
    all writers, so a file beside it is locked. Raises StoreUnavailableError.
    """
    if database.engine.dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        with database.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            yield
        return
    path = Path(f"{database.engine.url.database}.{name}.lock")
    try:
        held = path.open("ab")
    except OSError as error:
        raise StoreUnavailableError(f"{path} cannot be locked: {error}") from error
    with held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
