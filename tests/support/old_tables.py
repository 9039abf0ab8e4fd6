"""Databases with the tables of an older version."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, select, text

from analytics_core.store import migrate
from analytics_core.store.database import Database
from analytics_core.store.tables import metadata

MIGRATIONS = Path(migrate.__file__).parent / "migrations"


def make(connection: Connection, version: str) -> None:
    """The empty tables of that version, by its own scripts."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def set_back(database: Database, version: str) -> None:
    """The same rows in the tables of that version, so that the next to open the database has to bring them up."""
    with database.begin() as connection:
        kept = {table: connection.execute(select(table)).mappings().all() for table in metadata.sorted_tables}
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        make(connection, version)
        there = inspect(connection).get_table_names()
        for table, rows in kept.items():
            if rows and table.name in there:
                columns = {column["name"] for column in inspect(connection).get_columns(table.name)}
                old = [{name: value for name, value in row.items() if name in columns} for row in rows]
                connection.execute(table.insert(), old)
