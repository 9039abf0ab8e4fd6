"""Where visitors came from, through sync: which hosts are the owner's own, and how a host is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.logs import Request, realtime_text, write
from support.world import ACCOUNTS, World

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.query.parse import parse_query

DAYS = {"fromDay": "20260310", "toDay": "20260310"}


def accounts(*domains: str) -> dict[str, Any]:
    acme, *others = ACCOUNTS["handles"]
    return {"handles": [acme | {"domains": list(domains)}, *others]}


@pytest.mark.parametrize(
    ("domain", "referrer", "counted"),
    [
        ("www.brand.example", "https://www.brand.example/", "direct"),
        ("www.brand.example", "https://WWW.Brand.Example.:443/a", "direct"),
        ("www.brand.example", "https://brand.example/", "brand.example"),
        ("brand.example", "https://brand.example/", "direct"),
        ("brand.example", "https://www.brand.example/", "brand.example"),
        ("go.acme.example", "https://acme.clickledger.localhost/launch", "direct"),
        ("go.acme.example", "https://zed.clickledger.localhost/", "zed.clickledger.localhost"),
        ("www.straße.example", "https://www.straße.example/", "direct"),
        ("www.straße.example", "https://www.xn--strae-oqa.example/", "direct"),
    ],
)
def test_the_owners_hosts_alone_are_direct(
    world: World, tmp_path: Path, domain: str, referrer: str, counted: str
) -> None:
    world.load(accounts(domain))
    log = write(tmp_path / "a.log", realtime_text([Request(referrer=quote(referrer, safe=":/"))]))

    world.sync(log)

    assert world.clicks()["referrer"].to_list() == [counted]
    assert world.clicks()["referrer_host"].is_null().to_list() == [counted == "direct"]


def test_a_referring_host_is_found_with_www_and_without(world: World, tmp_path: Path) -> None:
    """Clicks keep it without, as those of every release do."""
    referrers = ["https://www.google.com/", "https://google.com/", "https://mail.google.com/", "-"]
    log = write(tmp_path / "a.log", realtime_text([Request(n, referrer=one) for n, one in enumerate(referrers)]))
    world.sync(log)
    analytics = build(world.settings, clock=lambda: world.now).analytics

    def clicks(host: str) -> int:
        query = parse_query("acme", {"groupBy": "day", "referrerHost": host, **DAYS}, world.now)
        return analytics.run(query, Actor("user_ann")).totals.clicks

    asked = {host: clicks(host) for host in ("google.com", "www.google.com", "WWW.Google.com.", "-www.google.com")}
    analytics.close()

    assert asked == {"google.com": 2, "www.google.com": 2, "WWW.Google.com.": 2, "-www.google.com": 2}


def test_an_international_referrer_is_found_by_either_spelling_and_answered_in_ascii(
    world: World, tmp_path: Path
) -> None:
    referrers = ["https://www.straße.de/", "https://xn--strae-oqa.de/a", "https://strasse.de/", "-"]
    lines = [Request(n, referrer=quote(one, safe=":/")) for n, one in enumerate(referrers)]
    world.sync(write(tmp_path / "a.log", realtime_text(lines)))
    analytics = build(world.settings, clock=lambda: world.now).analytics

    def found(name: str, value: str) -> list[tuple[str, int]]:
        query = parse_query("acme", {"groupBy": "referrer", name: value, **DAYS}, world.now)
        return [(row.key, row.metrics.clicks) for row in analytics.run(query, Actor("user_ann")).rows]

    asked = [
        found(name, value)
        for name in ("referrer", "referrerHost")
        for value in ("straße.de", "Straße.DE", "xn--strae-oqa.de", "XN--STRAE-OQA.de")
    ]
    others = found("referrer", "-straße.de")
    analytics.close()

    assert asked == [[("xn--strae-oqa.de", 2)]] * 8
    assert sorted(others) == [("direct", 1), ("strasse.de", 1)]


def test_a_click_from_an_app_is_its_site_s_and_the_app_is_found_by_its_id(world: World, tmp_path: Path) -> None:
    referrers = [
        "android-app://com.linkedin.android/",
        "https://www.linkedin.com/",
        "https://1.2.3.4/",
        "mailto:a@b.example",
    ]
    lines = [Request(n, referrer=quote(one, safe=":/@")) for n, one in enumerate(referrers)]
    world.sync(write(tmp_path / "a.log", realtime_text(lines)))
    analytics = build(world.settings, clock=lambda: world.now).analytics

    def found(**filters: str) -> list[tuple[str, int]]:
        query = parse_query("acme", {"groupBy": "referrer", **filters, **DAYS}, world.now)
        return [(row.key, row.metrics.clicks) for row in analytics.run(query, Actor("user_ann")).rows]

    everything, of_the_app = found(), found(referrerHost="com.linkedin.android")
    analytics.close()

    assert sorted(everything) == [("direct", 2), ("linkedin.com", 2)]
    assert of_the_app == [("linkedin.com", 1)]
