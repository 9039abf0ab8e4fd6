"""What every journey through the dashboard does, found by visible labels."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def sign_in(page: Page, user_id: str = "user_ann", path: str = "/") -> None:
    page.goto(path)
    with page.expect_response("**/session"):  # the browser has the cookie
        page.get_by_role("button", name=user_id).click()
    expect(page.get_by_role("link", name="Breakdown")).to_be_visible()


def download(page: Page, kind: str) -> tuple[str, bytes]:
    with page.expect_download() as coming:
        page.get_by_role("button", name=f"Download {kind}").click()
    return coming.value.suggested_filename, coming.value.path().read_bytes()
