"""A browser anywhere in the world prints the days and times that the server computed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import sign_in
from support.world import World

from analytics_core.store.audit_events import Audit
from analytics_core.ui import wording
from analytics_core.zones import local_day

ELSEWHERE = ["Pacific/Kiritimati", "America/Havana"]  # 14 hours ahead of UTC; 5 behind, and no midnight on 8 March 2026


@pytest.fixture(params=ELSEWHERE)
def elsewhere(request: pytest.FixtureRequest, chromium: Browser, server: str) -> Iterator[Page]:
    """A window of a browser whose machine stands in that zone."""
    context = chromium.new_context(base_url=server, viewport={"width": 1280, "height": 900}, timezone_id=request.param)
    yield context.new_page()
    context.close()


def settled(page: Page) -> None:
    """Waits until the script has run to its end: before, old elements stand beside new ones."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=60_000)


def test_charts_and_tables_print_the_days_and_times_of_the_server(elsewhere: Page, today: World) -> None:
    last = local_day(datetime.now(UTC), "Europe/Berlin")
    days = [last - timedelta(days=before) for before in range(6, -1, -1)]
    sign_in(elsewhere, path="/?period=7d")

    ticks = elsewhere.locator(".xtick text")
    expect(ticks).to_have_count(7, timeout=60_000)  # the first chart loads its library
    settled(elsewhere)
    assert ticks.all_text_contents() == [f"{day.day} {day:%b}" for day in days]
    clicked = local_day(today.now - timedelta(days=1), "Europe/Berlin")
    elsewhere.locator(".barlayer .trace").first.locator(".point").nth(days.index(clicked)).hover(force=True)
    expect(elsewhere.locator(".hoverlayer")).to_contain_text(f"{clicked:%A}, {wording.day(clicked)}")

    elsewhere.goto("/breakdown?by=day&period=7d")
    first_column = elsewhere.locator("[data-testid=stDataFrame] tbody td:first-child")
    expect(first_column).to_have_count(7)
    assert first_column.all_text_contents() == [wording.day(day) for day in days]

    elsewhere.goto("/audit?handle=acme")
    told = [event.at for event in Audit(today.database).events("acme", limit=500)]
    expect(first_column.first).to_be_attached()
    settled(elsewhere)
    shown = first_column.all_text_contents()  # the table holds the rows that are in sight
    assert shown == [f"{at:%Y-%m-%d %H:%M:%S}" for at in told][: len(shown)]


def test_a_day_that_is_picked_is_the_one_that_arrives(elsewhere: Page) -> None:
    sign_in(elsewhere, path="/?period=custom&from=2026-03-02&to=2026-03-03")
    settled(elsewhere)
    days = elsewhere.get_by_test_id("stDateInput").last
    expect(days).to_contain_text(re.compile(r"2026\s*-\s*03\s*-\s*02\s*–\s*2026\s*-\s*03\s*-\s*03"))
    days.get_by_role("button", name="Choose date range").click()
    elsewhere.get_by_role("button", name="Sunday, March 8, 2026").click()
    picked = re.compile(r"2026\s*-\s*03\s*-\s*08\s*–\s*yyyy")  # the second day is awaited
    expect(days).to_contain_text(picked)
    settled(elsewhere)
    expect(days).to_contain_text(picked)
