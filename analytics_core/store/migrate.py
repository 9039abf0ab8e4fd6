"""Brings a database to the tables of this version, by Alembic's scripts in `migrations/`, once whoever opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from analytics_core.errors import SettingsError
from analytics_core.store.tables import VERSION, metadata

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x636C69636B  # of PostgreSQL's advisory locks: "click"


def migrate(engine: Engine) -> None:
    """Runs the scripts that the database lacks, in one transaction; other processes wait for it.

    Raises SettingsError for tables that are not known to be ours, or are of a version that is not known yet.
    """
    with engine.connect() as connection:
        if _version_of(connection) == VERSION:
            return
    with engine.begin() as connection:
        _lock(connection)
        found = _version_of(connection)
        if found is None and not set(metadata.tables).isdisjoint(inspect(connection).get_table_names()):
            raise SettingsError(
                "The database has tables with the names of Clickledger's, but does not say of which version they are: "
                "name an empty database, or an empty state folder."
            )
        _upgrade(connection, found)


def _version_of(connection: Connection) -> str | None:
    """None for a database without tables of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _upgrade(connection: Connection, found: str | None) -> None:
    from alembic import command  # noqa: PLC0415  (to import it takes longer than most commands, which need it once)
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    try:
        ScriptDirectory.from_config(configuration).get_revisions(found or ())
    except CommandError:
        raise SettingsError(
            f"The database belongs to a newer Clickledger: its tables are of version {found}, this release knows "
            f"{VERSION}."
        ) from None
    command.upgrade(configuration, "head")
