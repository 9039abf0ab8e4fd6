"""A database comes to the tables of this version by scripts, whatever opens it first, and is never guessed at."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from support import old_tables
from support.world import NOW

from analytics_core.access.actors import Actor
from analytics_core.errors import SettingsError
from analytics_core.exports.manifest import LONGEST, find_manifest, keep_begun
from analytics_core.store.database import Database
from analytics_core.store.tables import VERSION, metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/new.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgresql")


def test_processes_that_open_a_new_database_at_once_all_get_the_tables_of_the_code(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: Database(url), range(6)))

    with opened[0].connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [VERSION]
    for database in opened:
        database.engine.dispose()


def test_the_tables_are_those_of_the_newest_script() -> None:
    assert ScriptDirectory(str(old_tables.MIGRATIONS)).get_current_head() == VERSION


def test_what_the_tables_hold_is_there_after_they_are_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    with Database(url).begin() as connection:
        connection.execute(text("INSERT INTO accounts_loads VALUES ('a', 'b', '2026-01-01')"))

    with Database(url).connect() as connection:
        assert connection.execute(text("SELECT place FROM accounts_loads")).scalar() == "a"


def test_an_export_of_the_first_version_stays_complete_and_new_ones_may_be_running(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        old_tables.make(connection, "0001")
        connection.execute(
            text(
                "INSERT INTO exports (id, handle, created_at, created_by, format, query, data_version, "
                "definitions_version, rows, sha256) VALUES "
                "('old', 'acme', '2026-03-01 00:00:00', 'ann', 'csv', '{}', '1', '1', 3, 'abc')"
            )
        )
    engine.dispose()

    database = Database(url)
    old = find_manifest(database, "acme", "old", NOW)
    keep_begun(database, replace(old, id="new", rows=None, sha256=None, created_at=NOW), Actor("ann"), "")
    new = find_manifest(database, "acme", "new", NOW + LONGEST)
    given_up = find_manifest(database, "acme", "new", NOW + LONGEST + timedelta(seconds=1))
    database.engine.dispose()

    assert (old.status, old.rows, old.sha256) == ("complete", 3, "abc")
    assert old.to_json()["timezoneRelease"] is None  # which release it was, nobody kept
    assert (new.status, new.rows) == ("running", None)
    assert (given_up.status, (given_up.reason or "").split(":")[0]) == ("failed", "interrupted")


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    with Database(url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SettingsError, match="a newer Clickledger: its tables are of version 9999"):
        Database(url)


def test_tables_of_unknown_origin_are_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.sqlite") as connection:
        connection.execute("CREATE TABLE links (id INTEGER)")
    connection.close()

    with pytest.raises(SettingsError, match="does not say of which version"):
        Database(f"sqlite:///{tmp_path}/x.sqlite")
    with create_engine(f"sqlite:///{tmp_path}/x.sqlite").connect() as other:
        assert other.execute(text("SELECT name FROM sqlite_master")).scalars().all() == ["links"]
