"""Fixtures of every tier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support import postgres, s3
from support.world import World


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first: at the end of a run no worker is left alone with one of them."""
    items.sort(key=lambda item: "reliability" not in item.path.parts)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty lake and database with the accounts of `acme` (PRO) and `zed` (FREE)."""
    made = World(tmp_path)
    made.load()
    return made


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a server that nobody stops: each test takes a database of its own in it."""
    with TemporaryDirectory(prefix="clickledger-postgresql-") as folder, postgres.running(Path(folder)) as url:
        yield url


@pytest.fixture
def postgresql(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty database of PostgreSQL."""
    with postgres.new_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that nobody stops: each test takes a bucket of its own in it."""
    with s3.running(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint
