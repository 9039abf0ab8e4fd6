"""The dashboard with its API as users start it: `streamlit run app.py`, stopped by its process id."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx

from support.world import ROOT, World


@contextmanager
def serving(world: World, port: int, folder: Path, below: str = "", **environment: str) -> Iterator[str]:
    """The base URL of a server over the world, started in `folder`. `below` is its base path, such as `/stats`."""
    words = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    if below:
        words += ["--server.baseUrlPath", below]
    with started(words, world.process_environment() | environment, folder, f"http://127.0.0.1:{port}{below}") as base:
        yield base


@contextmanager
def started(words: Sequence[str], environment: Mapping[str, str], folder: Path, base: str) -> Iterator[str]:
    """Starts a server in `folder`; `base`, when it answers there."""
    log = folder / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(words, env=environment, cwd=folder, stdout=written, stderr=written)
    try:
        yield _ready(base, log)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _ready(base: str, log: Path) -> str:
    for _ in range(300):
        try:
            if httpx.get(f"{base}/readyz", timeout=2).status_code == 200:
                return base
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
