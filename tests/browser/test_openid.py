"""Sign-in through OpenID Connect, against an issuer with real signatures: the whole way, and its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from support import issuer
from support.api import free_port
from support.issuer import Issuer
from support.server import serving
from support.world import World


@pytest.fixture(scope="module")
def service() -> Iterator[Issuer]:
    with issuer.running() as found:
        yield found


@pytest.fixture(scope="module")
def dashboard(today: World, service: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard that knows the issuer, and is no demo."""
    folder, port = tmp_path_factory.mktemp("openid"), free_port()
    base = f"http://127.0.0.1:{port}"
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(service.secrets(base))
    with serving(today, port, folder, CLICKLEDGER_STAFF_USERS="user_sue") as found:
        yield found


@pytest.fixture
def visitor(chromium: Browser, dashboard: str, service: Issuer) -> Iterator[Page]:
    service.claims, service.seconds = {"sub": "user_ann"}, 3600
    context = chromium.new_context(base_url=dashboard, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def enter(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_person_signs_in_stays_over_a_reload_and_signs_out(visitor: Page) -> None:
    enter(visitor)
    expect(visitor.get_by_text("Clicks over time")).to_be_visible()
    visitor.reload()
    expect(visitor.get_by_text("Clicks over time")).to_be_visible()

    visitor.get_by_role("button", name="user_ann").click()
    with visitor.expect_navigation():  # streamlit forgets the identity token on a page of its own
        visitor.get_by_role("button", name="Sign out").click()
    expect(visitor.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    visitor.reload()
    expect(visitor.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(visitor.get_by_text("Demo users")).to_have_count(0)


def test_a_stranger_sees_no_handle_and_a_reviewer_every_one(visitor: Page, service: Issuer) -> None:
    service.claims = {"sub": "user_nobody"}
    enter(visitor)
    expect(visitor.get_by_text("You have a role on no handle yet")).to_be_visible()
    visitor.context.clear_cookies()

    service.claims = {"sub": "user_sue"}
    enter(visitor)
    expect(visitor.get_by_label("Find a handle")).to_be_visible()
    visitor.goto("/?handle=zed")
    expect(visitor.get_by_text("Clicks over time")).to_be_visible()


def test_a_session_ends_with_its_identity_token(visitor: Page, service: Issuer) -> None:
    service.seconds = -25  # ends within the leeway, in five seconds
    enter(visitor)
    expect(visitor.get_by_text("Code: token_expired")).to_be_visible(timeout=30_000)
    expect(visitor.get_by_text("Clicks over time")).to_have_count(0)
