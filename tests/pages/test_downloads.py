"""A download from a screen: begun by a click, fetched once by the browser, and told about on the page."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest
from support.screens import Dashboard, told

from analytics_core.bootstrap import shared
from analytics_core.ui import download_pickup

BREAKDOWN = "breakdown.py"


@pytest.fixture
def browser() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=download_pickup.routes("/stats"))) as client:
        yield client


def click(screen: AppTest, label: str) -> AppTest:
    return next(button for button in screen.button if button.label == label).click().run()


def address(screen: AppTest) -> str:
    """What the script on the page has the browser fetch."""
    (script,) = [one.value for one in screen.html if download_pickup.SCRIPT_PATH in one.value]
    ticket = re.search(r'data-ticket="([^"]+)"', script)
    assert ticket is not None
    return f"/stats/session/downloads/{ticket[1]}"


def test_a_click_begins_a_download_that_can_be_fetched_once(dashboard: Dashboard, browser: TestClient) -> None:
    screen = click(dashboard.open(page=BREAKDOWN, handle="acme", by="country"), "Download CSV")
    place = address(screen)
    assert "CSV: 0 rows so far." in told(screen)

    assert browser.head(place).status_code == 405
    fetched = browser.get(place)
    again = browser.get(place)

    assert fetched.text.splitlines()[0] == "country,clicks,qualifiedClicks,botClicks,conversions"
    assert fetched.headers["Content-Disposition"].startswith('attachment; filename="acme-country-')
    assert (again.status_code, again.json()["error"]) == (404, "not_found")
    assert again.json()["requestId"] == again.headers["X-Request-Id"]
    assert "CSV: complete, 2 rows." in told(screen.run())
    assert not [
        one for one in screen.html if download_pickup.SCRIPT_PATH in one.value
    ]  # drawn again, it is not fetched again


def test_a_download_that_cannot_begin_says_why_on_the_page(dashboard: Dashboard) -> None:
    screen = dashboard.open(page=BREAKDOWN, handle="acme")
    slots = shared().download_slots
    held = [slots.take("acme") for _ in range(4)]

    click(screen, "Download JSON")

    assert "Downloads of one handle are limited to 4 at a time" in told(screen)
    assert "Code: rate_limited" in told(screen)
    held[0]()
    click(screen, "Download JSON")
    assert "rate_limited" not in told(screen)
    assert address(screen)


def test_a_download_that_nobody_fetches_is_given_up(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_pickup, "_PICKUP_SECONDS", 0.05)
    screen = click(dashboard.open(page=BREAKDOWN, handle="acme"), "Download CSV")

    for _ in range(600):
        if "the file is not complete" in told(screen.run()):
            break
        time.sleep(0.1)

    assert "CSV: the browser stopped after 0 rows; the file is not complete." in told(screen)
    assert len([shared().download_slots.take("acme") for _ in range(4)]) == 4
