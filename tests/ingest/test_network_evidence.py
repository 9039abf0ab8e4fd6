"""A click from an address that an operator publishes for its crawlers is a bot's, whatever its agent says."""

from __future__ import annotations

from dataclasses import replace
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

OPENAI, OPENAI_USER, GOOGLE_SIX = "20.42.10.176", "104.208.184.192", "2001:4860:4801:10::1"
PERSON, PERSON_SIX = "203.0.113.7", "2001:db8::7"
PERIOD = Period(date(2026, 3, 1), date(2026, 3, 12))
ANN = Actor("user_ann")
V2 = (*STANDARD, "asn", "c-country")


def text(requests: list[Request], fields: tuple[str, ...]) -> str:
    return "".join(request.line(fields) + "\n" for request in requests)


def sync(world: World, *requests: Request, fields: tuple[str, ...] = REALTIME) -> None:
    world.sync(write(world.folder / "a.log", text(list(requests), fields)), fields=",".join(fields))


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
        ("isbot:google", "search"),
        ("isbot:google", "search"),
        ("network:openai", "agent"),
        ("method-head", "other"),
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
