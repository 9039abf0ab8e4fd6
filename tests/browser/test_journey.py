"""A user's way through the dashboard: sign in, narrow, reload, download, and the API says the same."""

from __future__ import annotations

import csv
import io
import json
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest
from playwright.sync_api import Page, expect
from support.browser import download, sign_in
from support.screens import token
from support.world import ACCOUNTS, World


def narrow(page: Page, dimension: str, value: str) -> None:
    """Adds a filter through the drawer."""
    page.get_by_role("button", name="Filter").click()
    if dimension != "Link":
        page.get_by_role("combobox", name="Filter by").click()
        page.get_by_role("option", name=dimension, exact=True).click()
    page.get_by_role("combobox", name=dimension, exact=True).click()
    page.get_by_role("option", name=value).click()
    page.get_by_role("button", name="Apply").click()


def parameters(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_what_is_shown_is_what_is_downloaded_and_what_the_api_answers(page: Page, server: str, today: World) -> None:
    sign_in(page)
    page.get_by_role("link", name="Germany").click()
    chip = page.get_by_role("button", name="Country is Germany")
    expect(chip).to_be_visible()
    narrow(page, "Link", "launch")
    expect(page.get_by_role("button", name="Link is launch")).to_be_visible()

    page.reload()
    expect(chip).to_be_visible()
    assert parameters(page) == {"handle": "acme", "by": "country", "country": "DE", "slug": "launch"}

    csv_name, csv_bytes = download(page, "CSV")
    json_name, json_bytes = download(page, "JSON")
    rows = list(csv.DictReader(io.StringIO(csv_bytes.decode())))
    assert rows == [{"country": "DE", "clicks": "10", "qualifiedClicks": "8", "botClicks": "2", "conversions": "0"}]

    manifest = json.loads(json_bytes)["manifest"]
    asked = manifest["query"]
    answer = httpx.get(
        f"{server}/v2/handles/acme/analytics",
        params={name: asked[name] for name in ("groupBy", "fromDay", "toDay", "tz")} | asked["filters"],
        headers={"Authorization": f"Bearer {token(today, 'user_ann')}"},
    ).json()
    counts = ("clicks", "qualifiedClicks", "botClicks", "conversions")
    assert [[row["key"], *(row[name] for name in counts)] for row in answer["rows"]] == [["DE", 10, 8, 2, 0]]
    assert manifest["dataVersion"] == answer["dataVersion"]
    assert csv_name == f"acme-country-{asked['fromDay']}-{asked['toDay']}.csv"
    assert json_name == csv_name.replace(".csv", ".json")


def test_a_session_survives_a_reload_and_ends_by_signing_out(page: Page) -> None:
    sign_in(page)
    page.reload()
    expect(page.get_by_role("link", name="Breakdown")).to_be_visible()
    page.get_by_role("button", name="user_ann").click()
    with page.expect_response("**/session"):
        page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Demo users")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Demo users")).to_be_visible()


def test_a_table_offers_no_download_of_its_own(page: Page) -> None:
    """It would pass by the plan's gate, the audit log and the guard against formulas."""
    sign_in(page, path="/breakdown?by=slug")
    table = page.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    table.hover()
    tools = page.get_by_test_id("stElementToolbar")
    expect(tools.get_by_role("button", name="Search")).to_be_visible()
    expect(tools.get_by_role("button", name="Download")).to_have_count(0)


def test_after_a_downgrade_an_open_page_gives_no_file_and_says_why(page: Page, today: World) -> None:
    sign_in(page, path="/breakdown?by=slug")
    acme = ACCOUNTS["handles"][0]
    button = page.get_by_role("button", name="Download CSV")
    expect(button).to_be_enabled()
    files: list[str] = []
    page.on("download", lambda file: files.append(file.suggested_filename))
    today.load({"handles": [acme | {"plan": "FREE"}]})
    try:
        button.click()
        expect(page.get_by_role("alert").get_by_text("feature_locked")).to_be_visible()
        expect(page.get_by_text("Exports are part of the plan PRO")).to_be_visible()
        expect(button).to_be_disabled()
    finally:
        today.load({"handles": [acme]})
    assert not files


def test_back_undoes_a_filter(page: Page) -> None:
    sign_in(page, path="/breakdown?by=country")
    narrow(page, "Country", "Austria")
    chip = page.get_by_role("button", name="Country is Austria")
    expect(chip).to_be_visible()
    page.go_back()
    expect(chip).to_have_count(0)


def test_clicking_a_bar_narrows_to_it(page: Page) -> None:
    sign_in(page, path="/breakdown?by=country")
    bars = page.get_by_label("Largest: Germany").locator(".barlayer .point path")
    expect(bars).not_to_have_count(0)
    bars.first.click(force=True)
    expect(page.get_by_role("button", name="Country is Austria")).to_be_visible()


def test_the_keyboard_passes_a_table_and_ticks_a_row_of_it(page: Page) -> None:
    sign_in(page, path="/breakdown?by=country")
    cells = page.get_by_test_id("stDataFrame").locator("canvas").first
    expect(page.get_by_test_id("glide-cell-1-1")).to_have_text("Austria")
    for _ in range(40):
        page.keyboard.press("Tab")
        if cells.evaluate("element => element === document.activeElement"):
            break
    expect(cells).to_be_focused()
    page.wait_for_timeout(1_000)  # a filter would come by now
    assert "country" not in parameters(page)

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    expect(page.get_by_role("button", name="Country is Austria")).to_be_visible()


def test_pages_keep_the_address(page: Page) -> None:
    sign_in(page, path="/?period=7d")
    page.get_by_role("link", name="Breakdown").click()
    expect(page.get_by_role("combobox", name="Break down by")).to_have_value("Break down by: Links")
    assert parameters(page)["period"] == "7d"


def test_nothing_is_fetched_from_elsewhere(page: Page, server: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page)
    expect(page.get_by_text("Clicks over time")).to_be_visible()
    assert [url for url in asked if not url.startswith((server, server.replace("http", "ws"), "data:", "blob:"))] == []


PHONE_PATHS = ("/", "/?period=12m", "/?period=custom", "/?handle=quiet", "/breakdown?by=country", "/breakdown?by=day")
FUNNEL_PATHS = ("/funnel", "/funnel?split=segment", "/funnel?handle=quiet")
TOO_WIDE = """
() => [...document.querySelectorAll('[data-testid=stMain] *')]
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
  .filter(one => !one.closest('[data-testid=stDataFrame]'))  // scrolls inside
  .map(one => one.className)
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    sign_in(page)
    for path in PHONE_PATHS + FUNNEL_PATHS:
        page.goto(path)
        expect(page.get_by_role("combobox", name="Handle")).to_be_visible()
        shown = "Where are my" if path in FUNNEL_PATHS else "No clicks" if "quiet" in path else "Bots (hatched)"
        expect(page.get_by_text(shown)).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate(TOO_WIDE) == [], path
