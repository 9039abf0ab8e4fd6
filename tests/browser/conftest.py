"""A real server and a real browser: `streamlit run app.py` over a small world, looked at with Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support.api import free_port
from support.screens import load_today, sync_today
from support.world import ROOT, World

QUIET_CHROMIUM = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def today(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("browser"))
    load_today(world)
    sync_today(world)
    return world


@pytest.fixture(scope="session")
def server(today: World) -> Iterator[str]:
    """The base URL of a dashboard with its API. Stopped by its process id."""
    port = free_port()
    words = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    environment = today.process_environment() | {"CLICKLEDGER_DEMO": "true"}
    log = today.folder / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(words, env=environment, cwd=today.folder, stdout=written, stderr=written)
    try:
        yield _ready(f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: apt-get install chromium.")
        pytest.skip("Chromium is missing: apt-get install chromium.")
    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET_CHROMIUM))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, server: str) -> Iterator[Page]:
    """A window of its own, without a session."""
    context = chromium.new_context(base_url=server, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    yield context.new_page()
    context.close()


def _ready(base: str, log: Path) -> str:
    for _ in range(300):
        try:
            if httpx.get(f"{base}/readyz", timeout=2).status_code == 200:
                return base
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
