"""A real server and a real browser: `streamlit run app.py` over a small world, looked at with Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support.api import free_port
from support.screens import load_today, sync_today
from support.server import serving
from support.world import World

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
    with serving(today, free_port(), today.folder, CLICKLEDGER_DEMO="true") as base:
        yield base


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: apt-get install chromium.")
        pytest.skip("Chromium is missing: apt-get install chromium.")
    expect.set_options(timeout=30_000)
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
