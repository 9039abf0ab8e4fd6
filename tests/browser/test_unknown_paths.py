"""Paths that name nothing: a script gets a 404 in the API's shape, a person the dashboard."""

from __future__ import annotations

import httpx2 as httpx
import pytest
from playwright.sync_api import Page, expect
from support.browser import sign_in

PAGES = ("/", "/breakdown", "/funnel", "/tokens", "/audit")
UNKNOWN = (
    "/nope",
    "/v2",
    "/v2/nope",
    "/r/nope",
    "/static/js/nope.js",
    "/breakdown/nope",
    "/session/nope",
    "/session/downloads/nope",
    "/nope.html",
)


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_a_script_gets_a_404_in_json(server: str, path: str, accept: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = httpx.request(method, server + path, headers={"Accept": accept})

        assert (answer.status_code, answer.json()["error"]) == (404, "not_found"), method
        assert answer.json()["requestId"] == answer.headers["X-Request-Id"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert httpx.head(server + path).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_whoever_asks_for_a_page_gets_it(server: str, path: str) -> None:
    answer = httpx.get(server + path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_the_pages_are_those_to_which_the_dashboard_links(page: Page) -> None:
    sign_in(page, path="/?handle=acme")
    page.get_by_role("button", name="user_ann").click()
    expect(page.get_by_role("link", name="Audit log")).to_be_visible()

    links = page.locator("[data-testid=stPageLink] a").evaluate_all("links => links.map(one => one.pathname)")

    assert set(links) == set(PAGES)


def test_a_person_who_mistypes_a_path_gets_the_dashboard(page: Page, server: str) -> None:
    page.goto("/nope")

    expect(page.get_by_text("Demo users")).to_be_visible()
