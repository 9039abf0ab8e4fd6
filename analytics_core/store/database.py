"""The database: opens SQLite or PostgreSQL with the tables of this version, and translates its failures."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from analytics_core.errors import SettingsError, StoreUnavailableError
from analytics_core.store.migrate import migrate

_DRIVERS: Final = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
_NO_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMOPEN)
_IN_MEMORY: Final = (None, "", ":memory:")  # is another database on each connection


class Database:
    """One engine for a process. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Raises StoreUnavailableError, and SettingsError for a wrong URL or a database of another version."""
        self.engine = _open(url)
        with translated():
            migrate(self.engine)

    @contextmanager
    def begin(self) -> Generator[Connection]:
        """A transaction: committed at the end of the block, rolled back by an exception."""
        with translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def connect(self) -> Generator[Connection]:
        """A connection to read with."""
        with translated(), self.engine.connect() as connection:
            yield connection

    def ping(self) -> None:
        """Raises StoreUnavailableError when the database does not answer."""
        with self.connect() as connection:
            connection.execute(text("SELECT 1"))


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts the rows whose primary key is not there yet; the others stay as they are."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), list(rows))


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, newer_by: str | None = None
) -> None:
    """Inserts the rows; where the primary key is there already, the other columns are overwritten.

    With `newer_by` only where that column of the new row is greater than that of the row which is there.
    """
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    is_newer = None if newer_by is None else statement.excluded[newer_by] > table.c[newer_by]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed, where=is_newer), list(rows))


def check_database(url: str) -> URL:
    """Raises SettingsError for a URL that names no database of ours, or one whose driver is not installed."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in _DRIVERS or (_is_file(parsed) and parsed.database in _IN_MEMORY):
        raise SettingsError(
            "CLICKLEDGER_DATABASE_URL must be sqlite:////folder/file or postgresql+psycopg://user@host/database, with "
            "what is special in a name encoded (%23 for #)."
        )
    if not _is_file(parsed) and find_spec("psycopg") is None:
        raise SettingsError(
            "CLICKLEDGER_DATABASE_URL names a PostgreSQL server, for which psycopg must be installed; it is not. "
            "Install the extra postgresql: pip install 'clickledger[postgresql]'."
        )
    return parsed


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _open(text: str) -> Engine:
    url = check_database(text)
    if not _is_file(url):
        return create_engine(url, pool_pre_ping=True)
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder of the database, {folder}, cannot be made ({error.strerror}).") from None
    engine = create_engine(url, connect_args={"timeout": 30}, poolclass=NullPool)
    event.listen(engine, "do_connect", _connect_sqlite)
    return engine


def _connect_sqlite(dialect: Any, _record: object, arguments: Sequence[Any], parameters: Mapping[str, Any]) -> Any:
    """A connection, made ready. On a full disk one to read with, so that answers go on.

    The connections of a database share an index of its log, which is a file too: a full disk has no room to make it.
    Who is alone with the database can have it in memory instead; where another process has it open, it is there.
    """
    connection = dialect.connect(*arguments, **parameters)
    try:
        _prepare(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode not in _NO_ROOM:
            raise
        connection = dialect.connect(*arguments, **parameters)
        try:
            _prepare(connection, "locking_mode=EXCLUSIVE", "query_only=ON")
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, *before: str) -> None:
    for setting in (*before, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}").close()


@contextmanager
def translated() -> Generator[None]:
    """The driver's word for a database that does not answer becomes ours."""
    try:
        yield
    except (OperationalError, DBAPIError) as error:
        if getattr(error.orig, "sqlite_errorcode", None) in (*_NO_ROOM, sqlite3.SQLITE_READONLY):
            raise StoreUnavailableError("The disk of the database is full or read-only; nothing was lost.") from error
        if isinstance(error, OperationalError) or error.connection_invalidated:
            raise StoreUnavailableError("The database does not answer; nothing was lost.") from error
        raise
