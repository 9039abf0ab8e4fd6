"""Only the state folder can be written to, as in a container with a read-only file system."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.api import free_port
from support.logs import realtime_text, requests, write
from support.world import ROOT, World

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
{python} -m {server} >{state}/server.log 2>&1 &
server=$!
for _ in $(seq 300); do
    {python} -c 'from urllib.request import urlopen
print(urlopen("http://127.0.0.1:{port}/readyz").status)' 2>/dev/null && break
    sleep 0.2
done
kill $server
"""


def read_only(world: World, commands: str) -> str:
    """What commands print where nothing but the state folder can be written to."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("Mounts of its own need root, and a kernel that lets it have them.")
    state = world.folder / "var"
    script = READ_ONLY.format(state=shlex.quote(str(state)), commands=commands)
    ran = subprocess.run(
        ["unshare", "--mount", "bash", "-euc", script],
        env=world.process_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    log = state / "server.log"
    assert ran.returncode == 0, ran.stderr[-2_000:] + (log.read_text()[-2_000:] if log.exists() else "")
    return ran.stdout


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

    told = read_only(world, SERVE.format(python=sys.executable, server=words, state=world.folder / "var", port=port))

    assert told == "200\n"
