"""Only the state folder can be written to, as in a container with a read-only file system; or the disk is full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.api import free_port
from support.logs import realtime_text, requests, write
from support.world import ACCOUNTS, ROOT, World

READ_ONLY = """
mount --make-rprivate /
for place in / /tmp /var/tmp /dev/shm {state}; do
    mount --bind $place $place
done
for place in / /tmp /var/tmp /dev/shm; do
    mount -o remount,ro,bind $place
done
cd /
if touch /tmp/any /var/tmp/any /dev/shm/any 2>/dev/null; then exit 99; fi
{commands}
"""
SERVE = """
{python} -m {server} >&2 &
server=$!
for _ in $(seq 300); do
    {python} -c 'from urllib.request import urlopen
print(urlopen("http://127.0.0.1:{port}/readyz").status)' 2>/dev/null && break
    sleep 0.2
done
kill $server
"""


FULL_DISK = """
mount --make-rprivate /
mount -t tmpfs -o size=24m tmpfs {state}
{ingest} accounts {accounts} >/dev/null
{ingest} sync --source {first} >/dev/null
dd if=/dev/zero of={state}/filler bs=4096 2>/dev/null || true
{ingest} verify --json
{commands}
if {ingest} sync --source {second} 2>&1; then exit 98; fi
rm {state}/filler
{ingest} sync --source {second}
"""


def with_own_mounts(world: World, script: str) -> str:
    """What a script prints that mounts as it wants."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("Mounts of its own need root, and a kernel that lets it have them.")
    ran = subprocess.run(
        ["unshare", "--mount", "bash", "-euc", script],
        env=world.process_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout[-2_000:] + ran.stderr[-2_000:]
    return ran.stdout


def read_only(world: World, commands: str) -> str:
    """What commands print where nothing but the state folder can be written to."""
    return with_own_mounts(world, READ_ONLY.format(state=world.folder / "var", commands=commands))


def test_every_command_works(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "a.log", realtime_text(requests(20)))
    ingest, core = (f"{sys.executable} -m {name}" for name in ("ingest", "analytics_core"))
    told = read_only(
        world,
        f"{ingest} sync --source {log}\n{ingest} compact >/dev/null\n{ingest} verify --json\n"
        f"{core} explain --handle acme --group-by slug >/dev/null\n{ingest} deliver\n",
    )

    assert '"clicks": 20' in told
    assert '"holds": false' not in told


@pytest.mark.parametrize(
    "server", ["uvicorn analytics_core.api:app --port", "streamlit run {root}/app.py --server.port"]
)
def test_a_server_starts_and_is_ready(world: World, tmp_path: Path, server: str) -> None:
    world.sync(write(tmp_path / "a.log", realtime_text(requests(20))))
    port = free_port()
    words = f"{server.format(root=ROOT)} {port}"

    told = read_only(world, SERVE.format(python=sys.executable, server=words, port=port))

    assert told == "200\n"


def test_a_full_disk_is_read_from_and_servers_start(world: World, tmp_path: Path) -> None:
    port = free_port()
    ingest = f"{sys.executable} -m ingest"
    told = with_own_mounts(
        world,
        FULL_DISK.format(
            state=world.folder / "var",
            ingest=ingest,
            accounts=write(tmp_path / "accounts.json", json.dumps(ACCOUNTS)),
            first=write(tmp_path / "a.log", realtime_text(requests(20))),
            second=write(tmp_path / "b.log", realtime_text(requests(10, start=20))),
            commands=SERVE.format(
                python=sys.executable, server=f"uvicorn analytics_core.api:app --port {port}", port=port
            ),
        ),
    )
    checks, ready, refused, synced = (line for line in told.splitlines() if not line.startswith(" "))

    assert all(check["holds"] for check in json.loads(checks))
    assert ready == "200"
    assert refused == "store_unavailable: The disk of the database is full or read-only; nothing was lost."
    assert json.loads(synced)["clicks"] == 10
