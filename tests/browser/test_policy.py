"""The content security policy: the whole dashboard works under it, and a script from elsewhere does not run."""

from __future__ import annotations

import httpx2 as httpx
import pytest
from playwright.sync_api import ConsoleMessage, Page, expect
from support.browser import download, sign_in

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(
  `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


@pytest.mark.parametrize(
    "path", ["/", "/breakdown?by=country", "/breakdown?by=day", "/tokens?handle=acme", "/audit?handle=acme"]
)
def test_every_page_works_without_a_violation(page: Page, path: str) -> None:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Below a page's address Streamlit looks for itself and finds nothing: 404, once.
        if "Content Security Policy" in message.text or (message.type == "error" and "404" not in message.text):
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(WATCH)
    sign_in(page)
    page.goto(path)
    expect(page.get_by_role("combobox", name="Handle")).to_be_visible()
    page.wait_for_load_state("networkidle")
    if "country" in path:
        download(page, "CSV")
    assert page.evaluate("window.violations") == []
    assert complaints == []


def test_a_script_that_stands_in_the_page_does_not_run(page: Page) -> None:
    page.add_init_script(WATCH)
    sign_in(page)
    page.evaluate(
        "const one = document.createElement('script'); one.textContent = 'window.ran = true'; document.body.append(one)"
    )
    assert page.evaluate("window.ran") is None
    assert "script-src" in page.evaluate("window.violations[0]")


def test_a_token_is_made_shown_once_used_and_revoked(page: Page, server: str) -> None:
    sign_in(page, path="/tokens?handle=acme")
    page.get_by_label("Name").fill("Nightly *report*")
    page.get_by_role("button", name="Make token").click()
    code = page.get_by_test_id("stCode")
    expect(code).to_contain_text("patv1_")
    token = code.inner_text().strip()
    url = f"{server}/v2/public/handles/acme/analytics?groupBy=slug"
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(url, headers=headers).json()["totals"]["clicks"] == 12

    page.reload()
    expect(page.get_by_text("Nightly *report*")).to_be_visible()
    expect(page.get_by_test_id("stCode")).to_have_count(0)
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke for good").click()
    expect(page.get_by_text("No tokens yet.")).to_be_visible()
    assert httpx.get(url, headers=headers).json()["error"] == "invalid_token"


def test_every_answer_carries_the_headers(server: str) -> None:
    for path in ("/", "/healthz", "/v2/docs", "/v2/nothing", "/static/nothing.js", "/session/carry.js"):
        headers = httpx.get(f"{server}{path}").headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["X-Frame-Options"] == "DENY", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert headers["Referrer-Policy"] == "no-referrer", path
    scripts = httpx.get(server).headers["Content-Security-Policy"].split(";")[1]
    assert "'unsafe-eval'" not in scripts
    assert "'unsafe-inline'" not in scripts
