"""Real servers of a world, to be killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

import httpx2 as httpx

from support import forks
from support.api import free_port
from support.forks import Program
from support.world import ROOT, World

SERVER: Final = ("uvicorn", "analytics_core.api:app", "--port", "PORT")


@contextmanager
def running(world: World, *module: str) -> Generator[tuple[str, Program]]:
    port = free_port()
    words = [sys.executable, "-m", *(word.replace("PORT", str(port)) for word in module)]
    environment = world.process_environment()
    environment["PYTHONPATH"] += f":{ROOT / 'tests'}"
    log = world.folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = forks.start(words, environment, world.folder, stdout=output, stderr=output)
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(200):
            with suppress(httpx.TransportError):
                if httpx.get(f"{base}/healthz", timeout=1).status_code == 200:
                    break
            time.sleep(0.1)
        else:
            raise AssertionError(log.read_text())
        yield base, process
    finally:
        process.kill()
        process.wait()
