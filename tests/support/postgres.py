"""A real PostgreSQL, from Debian's packages: its own folder and port, stopped by its process id.

`running` is a server of a test that ends with it. The fixture `postgresql` is a new database in a server that tests
share.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from support.api import free_port


def programs() -> Path:
    """The folder of the server's programs. Without them the test is skipped, and fails under CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    if os.environ.get("CI"):
        pytest.fail("PostgreSQL's server is not installed.")
    pytest.skip("PostgreSQL's server is not installed (Debian: postgresql).")


@contextmanager
def running(folder: Path, *, is_durable: bool = False) -> Generator[str]:
    """The database URL of a new server whose data lives in `folder`. It waits for the disk only if `is_durable`."""
    bin_folder = programs()
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    data = folder / "data"
    data.mkdir(parents=True)
    if user:
        shutil.chown(data, user)
        for parent in (folder, *folder.parents):
            if parent.owner() == "root" and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    initdb = [bin_folder / "initdb", "-D", data, "-A", "trust", "-U", "clickledger", "--no-sync"]
    subprocess.run(initdb, user=user, cwd="/", check=True, capture_output=True)
    port = free_port()
    server = [bin_folder / "postgres", "-D", data, "-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1"]
    with (folder / "server.log").open("wb") as log:
        durability = ["-c", f"fsync={'on' if is_durable else 'off'}"]
        process = subprocess.Popen([*server, *durability], user=user, cwd="/", stdout=log, stderr=log)
    try:
        url = f"postgresql+psycopg://clickledger@127.0.0.1:{port}/postgres"
        _wait(url, process, folder / "server.log")
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for pooled connections
        process.wait(timeout=20)


@contextmanager
def new_database(server: str) -> Generator[str]:
    """The URL of an empty database in the server that answers at this URL. It goes with whoever is connected to it."""
    name = f"tests_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.rpartition("/")[0] + f"/{name}"
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    engine = create_engine(url)
    for _ in range(150):
        assert process.poll() is None, log.read_text()[-2_000:]
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except OperationalError:
            time.sleep(0.1)
        else:
            engine.dispose()
            return
    raise AssertionError(log.read_text()[-2_000:])
