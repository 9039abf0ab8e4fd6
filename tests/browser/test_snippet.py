"""The script in a shop's page on another origin: it hides the ctx, keeps it, and reports in spite of the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from support.shop import Network, served, shop
from support.world import World

from analytics_core.api import create_app
from analytics_core.bootstrap import Application, build
from analytics_core.store.clock import machine_time
from analytics_core.tracking.ctx import Context, mint

ORDER = {"value": 99.99, "currency": "EUR", "key": "order-1"}
# Pauses are noted and then last a hundredth of their time.
QUICK_PAUSES = """
window.pauses = [];
const wait = window.setTimeout;
window.setTimeout = (go, milliseconds) => { pauses.push(milliseconds / 1000); return wait(go, milliseconds / 100); };
"""
CONVERT = """
order => clickledger.convert(order).catch(
  error => ({code: error.error ?? "", status: error.status ?? 0, name: error.name})
)
"""


@dataclass(frozen=True)
class Shop:
    origin: str
    network: Network
    application: Application

    def ctx(self) -> str:
        settings = self.application.settings
        now = machine_time().replace(microsecond=0)
        return mint(Context("acme", "launch", "click==", now), settings.ctx_keys, timedelta(minutes=15))


@pytest.fixture(scope="module")
def shop_and_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    world = World(tmp_path_factory.mktemp("shop"), now=machine_time())
    world.load()
    application = build(world.settings)
    network = Network(create_app(lambda: application))
    with served(network, "127.0.0.1") as api, served(shop(f"{api}/v2/public/clickledger.js"), "localhost") as origin:
        yield Shop(origin, network, application)
    application.analytics.close()


@pytest.fixture
def selling(shop_and_api: Shop) -> Shop:
    shop_and_api.network.posted.clear()
    shop_and_api.network.failures.clear()
    return shop_and_api


@pytest.fixture
def visitor(chromium: Browser, selling: Shop) -> Iterator[Page]:
    context = chromium.new_context(base_url=selling.origin)
    context.add_init_script(QUICK_PAUSES)
    yield context.new_page()
    context.close()


def convert(page: Page, **order: Any) -> Any:
    return page.evaluate(CONVERT, order)


def pauses(page: Page) -> list[float]:
    return page.evaluate("pauses")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/launch?ctx={}", "/launch"),
        ("/launch?ctx={}#top", "/launch#top"),
        ("/launch?ctx={}&q=a%20b+c", "/launch?q=a%20b+c"),
        ("/launch?q=a%20b&ctx={}&r=%C3%9F~", "/launch?q=a%20b&r=%C3%9F~"),
        ("/launch?ctxt=1&xctx=2&ctx={}#?ctx=3", "/launch?ctxt=1&xctx=2#?ctx=3"),
        ("/launch?ctx={}&q='a'&e=&&f#'x'", "/launch?q=%27a%27&e=&&f#'x'"),
        ("//launch//now?ctx={}&q=1", "//launch//now?q=1"),
        ("/based?q=1&ctx={}", "/based?q=1"),
        ("/launch?next=/a?ctx=3&ctx={}&q=1", "/launch?next=/a?ctx=3&q=1"),
    ],
)
def test_the_ctx_leaves_the_address_bar_and_nothing_else_does(
    visitor: Page, selling: Shop, before: str, after: str
) -> None:
    ctx = selling.ctx()
    visitor.goto(selling.origin + before.format(ctx))

    assert visitor.url == selling.origin + after
    visitor.go_back()
    assert visitor.url == "about:blank"
    visitor.go_forward()
    assert convert(visitor, **ORDER)["conversionId"]
    assert selling.network.posted[0]["ctx"] == ctx


def test_a_conversion_arrives_once_whatever_the_network_does(visitor: Page, selling: Shop) -> None:
    ctx = selling.ctx()
    visitor.goto(f"/launch?ctx={ctx}")
    selling.network.failures[:] = [(503, None), "unreadable", (429, "30"), "cut"]

    key = f"order-{ctx[-8:]}"
    answer = convert(visitor, value=99.99, currency="EUR", eventType="lead", key=key)

    told = {"ctx": ctx, "eventType": "lead", "idempotencyKey": key, "value": 99.99, "currency": "EUR"}
    assert selling.network.posted == [told] * 5
    assert answer["duplicate"] is True, "the post whose answer broke off had counted"
    waited = pauses(visitor)
    assert waited[2] == 30
    assert all(least <= seconds < 2 * least for least, seconds in zip((0.5, 1), waited, strict=False))
    assert 4 <= waited[3] < 8
    assert convert(visitor, value=99.99, currency="EUR", eventType="lead", key=key) == answer


def test_a_network_that_stays_down_is_told_after_six_tries(visitor: Page, selling: Shop) -> None:
    visitor.goto(f"/launch?ctx={selling.ctx()}")
    selling.network.failures[:] = [(503, None)] * 6
    assert convert(visitor, **ORDER) == {"code": "", "status": 503, "name": "Error"}
    selling.network.failures[:] = ["unreadable"] * 6
    assert convert(visitor, **ORDER) == {"code": "", "status": 0, "name": "TypeError"}

    assert len(selling.network.posted) == 12
    assert len(pauses(visitor)) == 10


def test_a_refusal_is_told_at_once(visitor: Page, selling: Shop) -> None:
    visitor.goto(f"/launch?ctx={selling.ctx()[:-4]}AAAA")

    assert convert(visitor, **ORDER) == {"code": "invalid_ctx", "status": 400, "name": "Error"}
    assert len(selling.network.posted) == 1


def test_the_ctx_lasts_as_long_as_the_tab(visitor: Page, selling: Shop) -> None:
    first, second = selling.ctx(), selling.ctx() + "newer"
    visitor.goto(f"/launch?ctx={first}")
    visitor.goto("/cart?step=2")
    convert(visitor, **ORDER)
    visitor.reload()
    convert(visitor, **ORDER)
    visitor.goto(f"/launch?ctx={second}")
    visitor.goto("/cart")
    convert(visitor, **ORDER)

    assert [posted["ctx"] for posted in selling.network.posted] == [first, first, second]


def test_who_came_without_a_link_reports_nothing(visitor: Page, selling: Shop) -> None:
    visitor.goto("/launch?a=1")

    assert convert(visitor, **ORDER) is None
    assert visitor.url == f"{selling.origin}/launch?a=1"
    assert selling.network.posted == []


def test_a_call_without_a_key_makes_one_for_all_its_tries(visitor: Page, selling: Shop) -> None:
    visitor.goto(f"/launch?ctx={selling.ctx()}")
    selling.network.failures[:] = [(503, None)]
    assert convert(visitor)["duplicate"] is False
    assert convert(visitor, key=1042)["duplicate"] is False

    keys = [posted["idempotencyKey"] for posted in selling.network.posted]
    assert keys[0] == keys[1]
    assert len(keys[0]) >= 16
    assert keys[2] == "1042"
    assert all(set(posted) == {"ctx", "eventType", "idempotencyKey"} for posted in selling.network.posted)
    assert selling.network.posted[0]["eventType"] == "conversion"


def test_a_page_that_may_store_nothing_still_reports(visitor: Page, selling: Shop) -> None:
    problems: list[str] = []
    visitor.on("pageerror", lambda error: problems.append(error.message))
    visitor.goto(f"/sandboxed?ctx={selling.ctx()}")

    assert urlsplit(visitor.url).query == ""
    assert "conversionId" in convert(visitor, **ORDER)
    assert problems == []
