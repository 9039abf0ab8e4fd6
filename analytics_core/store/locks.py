"""Locks between processes that go with whoever holds them: one that is killed blocks nobody."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from sqlalchemy import text

from analytics_core.errors import StoreUnavailableError
from analytics_core.store.database import Database

_POLL_SECONDS: Final = 0.01


@contextmanager
def alone(database: Database, name: str, *, seconds: float | None = None) -> Generator[None]:
    """Runs the block while no other that took the same name on this database does, in whatever process: it waits, at
    most `seconds`.

    PostgreSQL keeps the lock with an open transaction, so it also holds behind a pooler. SQLite has no lock but that of
    all writers, so a file beside it is locked. Raises StoreUnavailableError.
    """
    with _locked(database, name, seconds, is_shared=False):
        yield


@contextmanager
def together(database: Database, name: str, *, seconds: float | None = None) -> Generator[None]:
    """Like `alone`, but only blocks that run `alone` are kept out: any number may run together."""
    with _locked(database, name, seconds, is_shared=True):
        yield


@contextmanager
def _locked(database: Database, name: str, seconds: float | None, *, is_shared: bool) -> Generator[None]:
    if database.engine.dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        take = "pg_advisory_xact_lock_shared" if is_shared else "pg_advisory_xact_lock"
        with database.begin() as connection:
            wait = {"wait": f"{int((seconds or 0) * 1_000)}ms"}  # 0: for ever
            connection.execute(text("SELECT set_config('lock_timeout', :wait, true)"), wait)
            connection.execute(text(f"SELECT {take}(:key)"), {"key": key})
            yield
        return
    path = Path(f"{database.engine.url.database}.{name}.lock")
    try:
        held = path.open("ab")
    except OSError as error:
        raise StoreUnavailableError(f"{path} cannot be locked: {error}") from error
    with held:
        _lock(held, path, seconds, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)
        yield


def _lock(held: IO[bytes], path: Path, seconds: float | None, kind: int) -> None:
    if seconds is None:
        fcntl.flock(held, kind)
        return
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(held, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                message = f"{path} has been locked for {seconds:g} seconds by a process that does not go on."
                raise StoreUnavailableError(message) from None
            time.sleep(_POLL_SECONDS)
        else:
            return
