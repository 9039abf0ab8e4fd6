"""The API over a small world whose logs were really ingested, asked in process or through a real server."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient
from support import forks
from support.api import NOW, Api, accounts, free_port
from support.forks import Program
from support.logs import GOOGLEBOT, IPHONE, Request, realtime_text, write
from support.world import World

from analytics_core.api import create_app
from analytics_core.bootstrap import build


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    world = World(folder, now=NOW)
    world.load(accounts())
    lines = [
        Request(1, country="US", referrer="https://l.facebook.com/"),
        Request(2, country="US", user_agent=IPHONE),
        Request(3, country="AT", path="/about"),
        Request(4, country="BR", user_agent=GOOGLEBOT),
        Request(5, path="/=cmd_", country="DE"),
        Request(6, path="/-formula", country="DE"),
        Request(7, host="free.clickledger.localhost"),
    ]
    world.sync(write(folder / "logs" / "a.gz", realtime_text(lines)))
    application = build(world.settings, clock=lambda: NOW)
    with TestClient(create_app(lambda: application), raise_server_exceptions=False) as client:
        yield Api(client, application, world)
    application.analytics.close()


@pytest.fixture(scope="module")
def demo_api(api: Api) -> Iterator[Api]:
    """The same world in demo mode."""
    application = build(api.world.settings.model_copy(update={"demo": True}), clock=lambda: NOW)
    with TestClient(create_app(lambda: application), raise_server_exceptions=False) as client:
        yield Api(client, application, api.world)
    application.analytics.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[World], str]]:
    """Starts `uvicorn analytics_core.api:app` over a world; its base URL. Stopped by its process id."""
    running: list[Program] = []

    def start(world: World) -> str:
        port = free_port()
        words = [sys.executable, "-m", "uvicorn", "analytics_core.api:app", "--port", str(port)]
        with (tmp_path / "server.log").open("wb") as log:
            running.append(forks.start(words, world.process_environment(), world.folder, stdout=log, stderr=log))
        base = f"http://127.0.0.1:{port}"
        for _ in range(150):
            try:
                if httpx.get(f"{base}/healthz", timeout=1).status_code == 200:
                    return base
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError((tmp_path / "server.log").read_text())

    yield start
    for process in running:
        process.terminate()
        process.wait(timeout=20)
