"""A dashboard below a base path, behind a proxy that forwards nothing else: all works, and nothing is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from support.api import free_port
from support.browser import download, sign_in
from support.prefix_proxy import forwarding
from support.screens import token
from support.server import serving
from support.world import World


@pytest.fixture(scope="module")
def direct(today: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL below which the server stands, without the proxy."""
    folder: Path = tmp_path_factory.mktemp("below")
    with serving(today, free_port(), folder, "/stats", CLICKLEDGER_DEMO="true") as base:
        yield base


@pytest.fixture(scope="module")
def proxied(direct: str) -> Iterator[str]:
    with forwarding("/stats", httpx.URL(direct).port or 0) as base:
        yield base


@pytest.fixture
def below(chromium: Browser, proxied: str) -> Iterator[Page]:
    """A window at the proxy, without a session. What it asked for is in `asked`."""
    context = chromium.new_context(base_url=proxied, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    yield context.new_page()
    context.close()


def test_everything_that_a_browser_asks_for_lies_below(below: Page, proxied: str) -> None:
    asked: list[str] = []
    below.on("request", lambda request: asked.append(request.url))
    below.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))

    sign_in(below, path="/stats")
    below.reload()
    expect(below.get_by_role("link", name="Breakdown")).to_be_visible()
    below.get_by_role("link", name="Breakdown").click()
    name, content = download(below, "CSV")
    cookies = {cookie["name"]: cookie["path"] for cookie in below.context.cookies(f"{proxied}/stats")}

    assert name.startswith("acme-")
    assert content.startswith(b"slug,clicks,")
    assert cookies["clickledger_session"] == "/stats"
    assert [url for url in asked if not url.startswith((f"{proxied}/stats", "data:", "blob:"))] == []


def test_signing_out_ends_the_session_there(below: Page) -> None:
    sign_in(below, path="/stats")
    below.get_by_role("button", name="user_ann").click()
    with below.expect_response("**/stats/session"):
        below.get_by_role("button", name="Sign out").click()
    below.reload()
    expect(below.get_by_text("Demo users")).to_be_visible()


def test_the_api_answers_below(today: World, proxied: str) -> None:
    headers = {"Authorization": f"Bearer {token(today, 'user_ann')}"}

    answer = httpx.get(f"{proxied}/stats/v2/handles/acme/analytics?groupBy=slug", headers=headers, timeout=60)
    described = httpx.get(f"{proxied}/stats/v2/openapi.json", timeout=60).json()
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    shop = httpx.options(f"{proxied}/stats/v2/public/conversions", headers=preflight, timeout=60)
    short = httpx.get(f"{proxied}/stats/r/acme/launch")

    assert answer.json()["totals"]["clicks"] == 12
    assert described["servers"] == [{"url": "/stats"}]
    assert shop.headers["Access-Control-Allow-Origin"] == "*"
    assert "style-src" in httpx.get(f"{proxied}/stats/v2/docs").headers["Content-Security-Policy"]
    assert (short.status_code, short.headers["Location"]) == (302, "https://shop.example/launch")
    assert httpx.get(f"{proxied}/stats/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path", ["/v2/openapi.json", "/healthz", "/readyz", "/metrics", "/r/acme/launch", "/session/carry.js", "/", "/nope"]
)
def test_nothing_is_there_outside_of_it(direct: str, path: str) -> None:
    answer = httpx.get(direct.removesuffix("/stats") + path)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert answer.json()["requestId"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/nope", "/v2/nope", "/stats", "/r/acme"])
def test_an_unknown_path_below_is_a_404_for_a_script(direct: str, path: str) -> None:
    answer = httpx.get(direct + path)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_a_short_link_on_the_handles_own_host_has_no_base_path(direct: str) -> None:
    root = direct.removesuffix("/stats")

    for path, status in (("/launch", 302), ("/stats", 404)):
        answer = httpx.get(root + path, headers={"Host": "acme.clickledger.localhost"})
        assert (answer.status_code, "X-Amz-Cf-Id" in answer.headers) == (status, True), path
