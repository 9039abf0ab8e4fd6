"""What an address proves: whose crawlers come from there, whatever the agent says, and which name it bears in vain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.logs import CHROME, GOOGLEBOT, IPHONE, REALTIME, STANDARD, Request, write
from support.world import NOW, World

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.model import Period, Query
from ingest.classify import classify_user_agents

OPENAI, OPENAI_USER, GOOGLE_SIX = "20.42.10.176", "104.208.184.192", "2001:4860:4801:10::1"
PERSON, PERSON_SIX = "203.0.113.7", "2001:db8::7"
ELSEWHERE, ELSEWHERE_SIX = "8.8.8.8", "2001:4860:4860::8888"  # of the public internet, in no range of crawlers
PERIOD = Period(date(2026, 3, 1), date(2026, 3, 12))
ANN = Actor("user_ann")
V2 = (*STANDARD, "asn", "c-country")


def text(requests: list[Request], fields: tuple[str, ...]) -> str:
    return "".join(request.line(fields) + "\n" for request in requests)


def sync(world: World, *requests: Request, fields: tuple[str, ...] = REALTIME) -> None:
    world.sync(write(world.folder / "a.log", text(list(requests), fields)), fields=",".join(fields))


def claimed(world: World) -> list[str | None]:
    return world.clicks().sort("at")["claimed"].to_list()


@dataclass(frozen=True)
class From(Request):
    """A request from an autonomous system."""

    asn: str = "-"

    def values(self) -> dict[str, str]:
        return super().values() | {"realtime:asn": self.asn, "standard:asn": self.asn}


def networks(world: World) -> list[tuple[Any, ...]]:
    return world.clicks().sort("at").select("network", "network_purpose").rows()


def events(world: World) -> pl.DataFrame:
    application = build(world.settings, clock=lambda: NOW)
    rows = pl.concat(application.analytics.export_rows(Query("acme", "event", PERIOD), ANN).frames)
    application.analytics.close()
    return rows


@pytest.mark.parametrize(
    ("address", "agent", "network", "purpose"),
    [
        (OPENAI, CHROME, "openai", "search"),
        (OPENAI_USER, CHROME, "openai", "agent"),
        (GOOGLE_SIX, IPHONE, "google", "search"),
        ("2600:1f28:365:80b0::9", CHROME, "commoncrawl", "training"),
        ("136.121.24.1", IPHONE, "google", "agent"),
    ],
)
def test_a_browsers_agent_from_a_published_range_is_a_bot(
    world: World, address: str, agent: str, network: str, purpose: str
) -> None:
    sync(world, Request(address=address, user_agent=agent))

    assert networks(world) == [(network, purpose)]
    counts = world.counts().filter(pl.col("grain") == "detail").select("clicks", "bot_clicks", "bot_purpose", "browser")
    assert counts.rows() == [(1, 1, purpose, "(bot)")]
    [event] = events(world).select("bot", "botRule", "botPurpose", "device", "segment").rows()
    assert event == (True, f"network:{network}", purpose, "BOT", "unknown")


@pytest.mark.parametrize("address", [PERSON, PERSON_SIX, "20.42.10.175", "20.42.10.192", "unknown"])
def test_a_browsers_agent_from_elsewhere_is_a_persons(world: World, address: str) -> None:
    sync(world, Request(address=address))

    assert networks(world) == [("none", "none")]
    assert events(world).select("bot", "botRule", "botPurpose").rows() == [(False, None, "(person)")]


def test_a_standard_log_tells_it_as_well(world: World, tmp_path: Path) -> None:
    header = f"#Version: 1.0\n#Fields: {' '.join(V2)}\n"
    requests = [Request(1, address=OPENAI), Request(2, address=GOOGLE_SIX), Request(3)]
    world.sync(write(tmp_path / "a.gz", header + text(requests, V2)))

    assert networks(world) == [("openai", "search"), ("google", "search"), ("none", "none")]


def test_without_an_address_it_is_not_known(world: World) -> None:
    fields = tuple(name for name in REALTIME if name != "c-ip")
    sync(world, Request(address=OPENAI), fields=fields)

    assert networks(world) == [(None, None)]
    assert events(world).select("bot", "botRule").rows() == [(False, None)]


class Denying(Request):
    """Who denies consent: the address is not read."""

    def values(self) -> dict[str, str]:
        return super().values() | {"realtime:cs-headers": "Sec-GPC:1%0A"}


@pytest.mark.parametrize("request_", [Request(address="-"), Denying(address=OPENAI)], ids=["-", "consent denied"])
def test_where_the_address_is_not_said_or_not_read_it_is_not_known(world: World, request_: Request) -> None:
    sync(world, request_)

    assert networks(world) == [(None, None)]


def test_the_rule_of_the_agent_goes_before_that_of_the_address_and_this_one_before_that_of_the_method(
    world: World,
) -> None:
    sync(
        world,
        Request(1, address=OPENAI_USER, user_agent=GOOGLEBOT),
        Request(2, address=PERSON, user_agent=GOOGLEBOT),
        Request(3, address=OPENAI_USER, method="HEAD"),
        Request(4, method="HEAD"),
    )

    rules = events(world).sort("at").select("botRule", "botPurpose").rows()
    assert rules == [
        ("claimed:googlebot", "other"),
        ("isbot:google", "search"),
        ("network:openai", "agent"),
        ("method-head", "other"),
    ]


GPTBOT = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.3; +https://openai.com/gptbot)"
CHATGPT_USER = (
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot"
)
FEED_FETCHER = "FeedFetcher-Google; (+http://www.google.com/feedfetcher.html)"
LIKE_GOOGLE = "Mozilla/5.0 (compatible; SomeBot/1.0; like Googlebot)"
FACEBOOK = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"


@pytest.mark.parametrize(
    ("agent", "address", "claim", "purpose"),
    [
        (GOOGLEBOT, "66.249.64.1", "none", "search"),
        (GOOGLEBOT, GOOGLE_SIX, "none", "search"),
        (GOOGLEBOT, ELSEWHERE, "googlebot", "other"),
        (GOOGLEBOT, ELSEWHERE_SIX, "googlebot", "other"),
        (GOOGLEBOT, OPENAI, "googlebot", "other"),
        (GPTBOT, OPENAI, "none", "training"),  # another range of the same operator
        (GPTBOT, ELSEWHERE, "gptbot", "other"),
        (CHATGPT_USER, ELSEWHERE, "none", "agent"),  # its ranges change too often
        (FEED_FETCHER, ELSEWHERE, "none", "other"),  # its ranges are not kept
        (FACEBOOK, ELSEWHERE, "none", "preview"),  # its operator publishes none
        (LIKE_GOOGLE, ELSEWHERE, "none", "other"),
        (CHROME, ELSEWHERE, "none", "(person)"),
    ],
)
def test_a_crawlers_name_from_elsewhere_is_a_bot_of_its_own(
    world: World, agent: str, address: str, claim: str, purpose: str
) -> None:
    sync(world, Request(address=address, user_agent=agent))

    assert claimed(world) == [claim]
    rule = classify_user_agents(pl.Series([agent])).item(0, "bot_rule") if claim == "none" else f"claimed:{claim}"
    assert events(world).select("bot", "botRule", "botPurpose").rows() == [(rule is not None, rule, purpose)]
    counts = world.counts().filter(pl.col("grain") == "detail").select("clicks", "bot_clicks", "bot_purpose")
    assert counts.rows() == [(1, int(rule is not None), purpose)]
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


@pytest.mark.parametrize("address", ["10.0.0.1", "100.64.0.1", PERSON, PERSON_SIX, "::1", "unknown"])
def test_an_address_that_is_not_of_the_public_internet_refutes_no_claim(world: World, address: str) -> None:
    sync(world, Request(address=address, user_agent=GOOGLEBOT))

    assert claimed(world) == ["none"]
    assert events(world)["botRule"].to_list() == ["isbot:google"]


@pytest.mark.parametrize("address", ["-", None])
def test_without_an_address_a_claim_is_not_judged(world: World, address: str | None) -> None:
    fields = REALTIME if address else tuple(name for name in REALTIME if name != "c-ip")
    sync(world, Request(address=address or ELSEWHERE, user_agent=GOOGLEBOT), fields=fields)

    assert claimed(world) == [None]
    assert events(world)["botRule"].to_list() == ["isbot:google"]


def test_a_claim_goes_before_what_else_the_request_says_and_is_its_own_in_a_comparison_of_lists(world: World) -> None:
    sync(
        world,
        Request(1, address=ELSEWHERE, user_agent=GOOGLEBOT, method="HEAD"),
        Request(2, address=PERSON, user_agent=GOOGLEBOT, method="HEAD"),
    )

    assert events(world).sort("at")["botRule"].to_list() == ["claimed:googlebot", "isbot:google"]
    assert world.run_json("classify", "--compare", "current", "installed", "--json")["moved"] == []


@pytest.mark.parametrize(
    ("asn", "told", "rule", "purpose"),
    [
        ("22843", ("proofpoint", "scanner"), "asn:proofpoint", "scanner"),
        ("30238", ("ironport", "scanner"), "asn:ironport", "scanner"),
        ("16509", ("amazon", "data-centre"), None, "(person)"),  # that rule is off
        ("3320", ("none", "none"), None, "(person)"),
        ("-", (None, None), None, "(person)"),
    ],
)
def test_a_browsers_agent_from_a_network_that_checks_mail_is_a_bot(
    world: World, asn: str, told: tuple[str | None, str | None], rule: str | None, purpose: str
) -> None:
    sync(world, From(asn=asn))

    assert world.clicks().select("asn_owner", "asn_kind").rows() == [told]
    assert events(world).select("bot", "botRule", "botPurpose").rows() == [(rule is not None, rule, purpose)]
    counts = world.counts().filter(pl.col("grain") == "detail").select("clicks", "bot_clicks", "bot_purpose")
    assert counts.rows() == [(1, int(rule is not None), purpose)]
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_what_is_no_number_of_an_autonomous_system_is_as_if_the_log_said_none(world: World) -> None:
    said = ["0", "-22843", "AS22843", "22843.0", str(2**32), "9" * 20, "none"]
    sync(world, *(From(number, asn=one) for number, one in enumerate([*said, str(2**32 - 1)])))

    told = world.clicks().sort("at").select("asn", "asn_owner", "asn_kind").rows()
    assert told == [(None, None, None)] * len(said) + [(2**32 - 1, "none", "none")]


def test_a_log_without_autonomous_systems_says_nothing_of_them(world: World) -> None:
    sync(world, From(asn="22843"), fields=tuple(name for name in REALTIME if name != "asn"))

    assert world.clicks().select("asn", "asn_owner", "asn_kind").rows() == [(None, None, None)]
    assert events(world)["bot"].to_list() == [False]


def test_the_rules_of_agents_and_addresses_go_before_that_of_the_autonomous_system_and_it_before_the_methods(
    world: World,
) -> None:
    sync(
        world,
        From(1, asn="22843", user_agent=GOOGLEBOT),
        From(2, asn="22843", address=OPENAI),
        From(3, asn="22843", method="HEAD"),
        From(4, asn="16509", method="HEAD"),
    )

    assert events(world).sort("at")["botRule"].to_list() == [
        "isbot:google",
        "network:openai",
        "asn:proofpoint",
        "method-head",
    ]


def test_without_an_agent_in_the_log_the_address_still_tells_a_bot(world: World) -> None:
    fields = tuple(name for name in REALTIME if name != "cs-user-agent")
    sync(world, Request(1, address=OPENAI), Request(2), fields=fields)

    shown = events(world).sort("at").select("bot", "botRule", "botPurpose")
    assert shown.rows() == [(True, "network:openai", "search"), (False, None, None)]
    assert world.counts().filter(pl.col("grain") == "day")["bot_clicks"].sum() == 1


def test_roll_ups_say_what_single_clicks_say(world: World) -> None:
    addresses = [OPENAI, PERSON, OPENAI_USER, GOOGLE_SIX, PERSON, PERSON_SIX, OPENAI]
    sync(world, *(Request(number, address=address) for number, address in enumerate(addresses)))

    application = build(world.settings, clock=lambda: NOW)
    for name in ("botPurpose", "device", "browser", "segment", "day"):
        query = Query("acme", name, PERIOD)
        assert (
            application.analytics.run(query, ANN).rows == application.analytics.run(replace(query, as_of=NOW), ANN).rows
        )
    purposes = application.analytics.run(Query("acme", "botPurpose", PERIOD), ANN).rows
    application.analytics.close()
    assert {row.key: (row.metrics.clicks, row.metrics.bot_clicks) for row in purposes} == {
        "search": (3, 3),
        "agent": (1, 1),
        "(person)": (3, 0),
    }
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_bot_by_its_address_has_no_past(world: World) -> None:
    """The clicks before do not make it a visitor who returns."""
    sync(world, *(Request(number, address=OPENAI) for number in range(3)))

    assert set(events(world)["segment"]) == {"unknown"}


def test_no_address_reaches_the_lake_or_the_database(world: World) -> None:
    addresses = [OPENAI, OPENAI_USER, GOOGLE_SIX, PERSON, PERSON_SIX]
    sync(world, *(Request(number, address=address) for number, address in enumerate(addresses)))

    files = [file for file in (world.folder / "var").rglob("*") if file.is_file()]
    tables = [file for file in files if file.suffix == ".parquet"]
    rows = [str(pl.read_parquet(file, hive_partitioning=False).rows()) for file in tables]
    assert any("'openai'" in one for one in rows)  # what is looked through is what is kept
    for address in addresses:
        assert not [one for one in rows if address in one]
        assert not [file for file in files if address.encode() in file.read_bytes()]
