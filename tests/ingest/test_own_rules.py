"""A handle's own rules, and the purposes that it counts, hold for its clicks from the load of the accounts file on."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient
from support import old_tables
from support.api import Api
from support.logs import CHROME, GOOGLEBOT, IPHONE, REALTIME, START, Request, realtime_text, write
from support.older_lists import CURL_RULE, OLDER, fill_by_older_lists
from support.own_rules import MY_MONITOR, MY_TEAM, accounts
from support.world import NOW, ROOT, World

from analytics_core.access.actors import Actor
from analytics_core.api import create_app
from analytics_core.bootstrap import Application, build
from analytics_core.model import Answer, Period, Query, SegmentRules
from analytics_core.query.catalog import GROUPINGS
from analytics_core.store import tables
from ingest.list_comparison import INSTALLED, compare
from ingest.rollups.rebuild import rebuild

SINCE = START + timedelta(hours=1)
LATER = NOW + timedelta(hours=1)  # than the stamps of all commits
BEFORE, AFTER = SINCE - timedelta(seconds=1), SINCE + timedelta(hours=1)
PERIOD = Period(date(2026, 3, 1), date(2026, 3, 12))
ANN, STAFF = Actor("user_ann"), Actor("sue", is_staff=True)
TEAM, ELSEWHERE = "203.0.113.7", "198.51.100.9"
OPENAI_USER = "104.208.184.192"  # from a published range of an agent
CHATGPT = "Mozilla/5.0%20(compatible;%20ChatGPT-User/1.0;%20+https://openai.com/bot)"
MONITOR = f"{CHROME}%20Acme-Monitor/2"


def sync(world: World, *requests: Request, name: str = "a.log") -> None:
    assert world.sync(write(world.folder / name, realtime_text(requests))).identity.clicks == len(requests)


@contextmanager
def opened(world: World) -> Iterator[Application]:
    application = build(world.settings, clock=lambda: LATER)
    yield application
    application.analytics.close()


def events(world: World, handle: str = "acme") -> pl.DataFrame:
    with opened(world) as application:
        exported = application.analytics.export_rows(Query(handle, "event", PERIOD), STAFF)
        return pl.concat(exported.frames).sort("at")


def rules(world: World) -> list[str | None]:
    return events(world)["botRule"].to_list()


def answers(world: World, as_of: datetime | None = None) -> dict[str, Answer]:
    """By every dimension, from the roll-ups, or from the facts as of a moment."""
    with opened(world) as application:
        return {name: application.analytics.run(Query("acme", name, PERIOD, as_of=as_of), ANN) for name in GROUPINGS}


def numbers(answer: Answer) -> dict[str, tuple[int, int, int]]:
    return {row.key: (row.metrics.clicks, row.metrics.bot_clicks, row.metrics.qualified_clicks) for row in answer.rows}


# --- own rules ------------------------------------------------------------------------------------------------------


def test_from_the_load_on_the_clicks_of_a_network_are_bots_and_those_before_stay_peoples(world: World) -> None:
    world.load(accounts(ownRules=[MY_TEAM]), at=SINCE)
    sync(
        world,
        Request(1, at=BEFORE, address=TEAM),
        Request(2, at=SINCE, address=TEAM),
        Request(3, at=AFTER, address=ELSEWHERE),
        Request(4, at=AFTER, address=TEAM, host="zed.clickledger.localhost"),
    )

    shown = events(world).select("bot", "botRule", "botPurpose", "device", "browser", "segment").rows()
    assert shown == [
        (False, None, "(person)", "DESKTOP", "Chrome", "new"),
        (True, "handle:my team", "other", "BOT", "(bot)", "unknown"),
        (False, None, "(person)", "DESKTOP", "Chrome", "new"),
    ]
    assert numbers(answers(world)["botPurpose"]) == {"(person)": (2, 0, 2), "other": (1, 1, 0)}
    of_zed = world.counts().filter(pl.col("grain") == "day", pl.col("handle") == "zed")
    assert of_zed.select("clicks", "bot_clicks").rows() == [(1, 0)]
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_text_in_the_decoded_agent_tells_them_whatever_the_case_of_its_letters(world: World) -> None:
    spaced = {"name": "app", "agent": "OUR APP/1"}
    world.load(accounts(ownRules=[MY_MONITOR, spaced]), at=SINCE)
    sync(
        world,
        Request(1, at=BEFORE, user_agent=MONITOR),
        Request(2, at=AFTER, user_agent=MONITOR),
        Request(3, at=AFTER + timedelta(seconds=1), user_agent=f"{IPHONE}%20our%2520app/1.2"),
        Request(4, at=AFTER + timedelta(seconds=2), user_agent=CHROME),
    )

    shown = events(world).select("botRule", "botPurpose").rows()
    assert shown == [
        ("isbot:monitor", "monitor"),
        ("handle:shop monitor", "monitor"),
        ("handle:app", "other"),
        (None, "(person)"),
    ]


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
        ("198.51.0.0/16", "198.51.100.9", "198.52.0.1"),
        ("2001:db8:7::/48", "2001:DB8:0007:1::9", "2001:db8:8::9"),
        ("2001:db8::7", "2001:db8:0:0:0:0:0:7", "2001:db8::8"),
        ("::ffff:203.0.113.0/120", "203.0.113.7", "203.0.114.7"),
        ("203.0.113.0/24", "::ffff:203.0.113.7", "::ffff:203.0.114.7"),
    ],
)
def test_a_network_holds_addresses_of_both_kinds_however_they_are_written(
    world: World, network: str, inside: str, outside: str
) -> None:
    world.load(accounts(ownRules=[{"name": "office", "network": network}]), at=SINCE)
    sync(world, *(Request(place, at=AFTER, address=one) for place, one in enumerate((inside, outside))))

    assert world.clicks().sort("event_id")["own_rule"].to_list().count("office") == 1
    assert set(events(world)["botRule"]) == {"handle:office", None}


def test_of_several_rules_the_first_in_the_file_counts(world: World) -> None:
    click = Request(1, at=AFTER, address=TEAM, user_agent=MONITOR)
    world.load(accounts(ownRules=[MY_MONITOR, MY_TEAM]), at=SINCE)
    sync(world, click)
    world.load(accounts(ownRules=[MY_TEAM, MY_MONITOR]), at=AFTER + timedelta(hours=1))
    sync(world, click.but(number=2, at=AFTER + timedelta(hours=2)), name="b.log")

    assert rules(world) == ["handle:shop monitor", "handle:my team"]


def test_the_handles_rule_goes_before_those_of_the_agent_and_of_the_request(world: World) -> None:
    world.load(accounts(ownRules=[MY_TEAM, {"name": "agents", "network": OPENAI_USER}]), at=SINCE)
    sync(
        world,
        Request(1, at=AFTER, address=TEAM, user_agent=GOOGLEBOT),
        Request(2, at=AFTER + timedelta(seconds=1), address=TEAM, method="HEAD"),
        Request(3, at=AFTER + timedelta(seconds=2), address=OPENAI_USER),
    )

    assert rules(world) == ["handle:my team", "handle:my team", "handle:agents"]
    assert events(world)["botPurpose"].to_list() == ["other"] * 3


def test_a_late_line_is_judged_by_the_rules_in_force_when_it_happened(world: World) -> None:
    ended = SINCE + timedelta(hours=2)
    world.load(accounts(ownRules=[MY_TEAM]), at=SINCE)
    world.load(at=ended)
    sync(
        world,
        Request(1, at=BEFORE, address=TEAM),
        Request(2, at=ended - timedelta(seconds=1), address=TEAM),
        Request(3, at=ended, address=TEAM),
    )

    assert rules(world) == [None, "handle:my team", None]


def test_a_rule_that_comes_with_its_handle_holds_for_the_time_before_it_too(world: World) -> None:
    entry = {"handle": "fresh", "plan": "PRO", "planSince": "2026-01-01T00:00:00Z", "ownRules": [MY_TEAM]}
    chosen = entry | {"countedPurposes": ["agent"]}
    world.load({"handles": [chosen]}, at=SINCE)
    click = Request(1, at=BEFORE, host="fresh.clickledger.localhost", address=TEAM)
    sync(world, click, click.but(number=2, user_agent=CHATGPT, address=ELSEWHERE))

    assert events(world, "fresh").select("botRule", "bot").sort("bot")["bot"].to_list() == [False, True]

    world.load({"handles": [entry | {"ownRules": [{**MY_TEAM, "name": "us"}]}]}, at=AFTER)
    later = AFTER + timedelta(hours=1)
    sync(world, click.but(number=3, at=later), click.but(number=4, at=SINCE), name="b.log")
    assert [one for one in events(world, "fresh")["botRule"] if one and one.startswith("handle:")] == [
        "handle:my team",
        "handle:my team",
        "handle:us",
    ]


def test_without_an_address_only_the_agent_tells(world: World) -> None:
    fields = tuple(name for name in REALTIME if name != "c-ip")
    lines = [Request(1, at=AFTER, address=TEAM), Request(2, at=AFTER, address="-", user_agent=MONITOR)]
    world.load(accounts(ownRules=[MY_TEAM, MY_MONITOR]), at=SINCE)
    world.sync(write(world.folder / "a.log", realtime_text(lines, fields)), fields=",".join(fields))

    assert sorted(rules(world), key=str) == [None, "handle:shop monitor"]


def test_a_click_of_an_own_rule_has_no_past_and_is_none(world: World) -> None:
    """The clicks of the team make nobody a visitor who returns."""
    world.load(accounts(ownRules=[MY_TEAM]), at=SINCE)
    times = [AFTER + timedelta(minutes=minute) for minute in range(3)]
    sync(world, *(Request(number, at=at, address=TEAM) for number, at in enumerate(times)))
    world.load(at=SINCE + timedelta(hours=5))
    sync(world, Request(9, at=SINCE + timedelta(hours=6), address=TEAM), name="b.log")

    assert events(world)["segment"].to_list() == ["unknown", "unknown", "unknown", "new"]


def test_no_list_moves_the_clicks_of_an_own_rule(world: World) -> None:
    world.load(accounts(ownRules=[{"name": "deploys", "agent": "curl"}]), at=START)
    fill_by_older_lists(world)

    moved = compare(world.lake, OLDER, INSTALLED).moved
    of_curl = moved.filter(pl.col("after") == CURL_RULE).select("handle", "clicks").rows()
    assert of_curl == [("zed", 6)]  # whose rule it is not; acme has four clicks of curl
    assert world.clicks()["own_rule"].to_list().count("deploys") == 4


def test_no_address_of_a_viewer_is_kept(world: World) -> None:
    world.load(accounts(ownRules=[MY_TEAM]), at=SINCE)
    sync(world, Request(1, at=AFTER, address=TEAM))

    files = [file for file in (world.folder / "var").rglob("*") if file.is_file()]
    kept = [str(pl.read_parquet(one, hive_partitioning=False).rows()) for one in files if one.suffix == ".parquet"]
    assert any("'my team'" in one for one in kept)
    assert not any(TEAM in one for one in kept)
    assert not [one for one in files if TEAM.encode() in one.read_bytes()]


# --- counted purposes -----------------------------------------------------------------------------------------------


def visits(world: World, start: datetime, first: int = 1, name: str = "a.log") -> None:
    """A person, an agent by its name, an agent by its address, and a crawler."""
    seconds = [start + timedelta(seconds=number) for number in range(4)]
    sync(
        world,
        Request(first, at=seconds[0], address=ELSEWHERE),
        Request(first + 1, at=seconds[1], address=ELSEWHERE, user_agent=CHATGPT),
        Request(first + 2, at=seconds[2], address=OPENAI_USER),
        Request(first + 3, at=seconds[3], address=ELSEWHERE, user_agent=GOOGLEBOT),
        name=name,
    )


def test_the_clicks_of_counted_purposes_are_qualified_from_the_load_on_and_still_told_as_bots(world: World) -> None:
    world.load(accounts(countedPurposes=["agent"]), at=SINCE)
    visits(world, SINCE - timedelta(hours=1))
    visits(world, AFTER, 5, "b.log")

    shown = events(world).select("bot", "botPurpose", "device", "segment").rows()[4:]
    assert shown == [
        (False, "(person)", "DESKTOP", "returning"),
        (False, "agent", "BOT", "unknown"),
        (False, "agent", "BOT", "unknown"),
        (True, "search", "BOT", "unknown"),
    ]
    found = answers(world)
    assert numbers(found["botPurpose"]) == {"(person)": (2, 0, 2), "agent": (4, 2, 2), "search": (2, 2, 0)}
    assert numbers(found["device"]) == {"DESKTOP": (2, 0, 2), "BOT": (6, 4, 2)}
    totals = {(one.totals.clicks, one.totals.bot_clicks) for one in found.values()}
    assert totals == {(8, 4)}
    assert sum(events(world)["bot"]) == 4


def test_a_click_that_an_own_rule_names_never_counts(world: World) -> None:
    world.load(accounts(countedPurposes=["agent", "other"], ownRules=[MY_TEAM]), at=SINCE)
    sync(
        world,
        Request(1, at=AFTER, address=TEAM),
        Request(2, at=AFTER, address=TEAM, user_agent=CHATGPT),
        Request(3, at=AFTER, address=ELSEWHERE, user_agent=CHATGPT),
        Request(4, at=AFTER, address=ELSEWHERE, method="HEAD"),
    )

    for found in (answers(world), answers(world, as_of=LATER)):
        assert numbers(found["botPurpose"]) == {"other": (3, 2, 1), "agent": (1, 0, 1)}


def test_roll_ups_single_clicks_and_what_is_derived_anew_say_the_same(world: World) -> None:
    world.load(accounts(countedPurposes=["search", "prefetch"], ownRules=[MY_TEAM, MY_MONITOR]), at=SINCE)
    visits(world, SINCE - timedelta(hours=1))
    world.load(accounts(countedPurposes=["agent"], ownRules=[MY_MONITOR]), at=SINCE + timedelta(hours=3))
    visits(world, SINCE + timedelta(hours=4), 10, "b.log")
    visits(world, AFTER, 20, "c.log")  # late
    sync(world, Request(30, at=AFTER, address=TEAM, user_agent=MONITOR), name="d.log")

    from_rollups, from_facts = answers(world), answers(world, as_of=LATER)
    assert {name: one.rows for name, one in from_rollups.items()} == {
        name: one.rows for name, one in from_facts.items()
    }
    assert from_rollups["day"].totals.bot_clicks == 3 + 1 + 2 + 1
    assert all(check["holds"] for check in world.run_json("verify", "--json"))

    rebuild(world.lake, world.agents, SegmentRules(), NOW)

    assert {name: one.rows for name, one in answers(world).items()} == {
        name: one.rows for name, one in from_rollups.items()
    }
    world.run("compact")
    assert {name: one.rows for name, one in answers(world).items()} == {
        name: one.rows for name, one in from_rollups.items()
    }


def test_an_answer_as_of_a_moment_before_the_change_stays(world: World) -> None:
    visits(world, SINCE - timedelta(hours=1))
    moment = world.clicks()["learnt_at"].max()
    assert isinstance(moment, datetime)
    before = answers(world, as_of=moment)

    world.load(accounts(countedPurposes=["agent", "search"], ownRules=[{**MY_TEAM, "network": ELSEWHERE}]), at=SINCE)
    visits(world, AFTER, 5, "b.log")

    assert {name: one.rows for name, one in answers(world, as_of=moment).items()} == {
        name: one.rows for name, one in before.items()
    }
    found = numbers(answers(world)["botPurpose"])
    assert found == {"(person)": (1, 0, 1), "agent": (3, 2, 1), "search": (1, 1, 0), "other": (3, 3, 0)}


def test_the_api_answers_so(world: World) -> None:
    world.load(accounts(countedPurposes=["agent"], ownRules=[MY_TEAM]), at=SINCE)
    visits(world, AFTER)
    sync(world, Request(9, at=AFTER, address=TEAM), name="b.log")

    with opened(world) as application, TestClient(create_app(lambda: application)) as client:
        api = Api(client, application, world)
        asked = {"fromDay": "20260301", "toDay": "20260312"}
        said = api.get("/v2/handles/acme/analytics", groupBy="botPurpose", **asked).json()
        exported = api.get("/v2/handles/acme/analytics/export", format="json", groupBy="event", **asked).json()
        told = api.get("/v2/handles/acme/audit").json()["events"]

    assert {row["key"]: (row["clicks"], row["qualifiedClicks"], row["botClicks"]) for row in said["rows"]} == {
        "agent": (2, 2, 0),
        "(person)": (1, 1, 0),
        "search": (1, 0, 1),
        "other": (1, 0, 1),
    }
    assert {row["botRule"] for row in exported["rows"] if row["bot"]} == {"handle:my team", "isbot:google"}
    assert {"own_rule.added", "counted_purposes.changed"} <= {one["action"] for one in told}


# --- older releases -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0001", "0005"])
def test_a_database_and_a_lake_of_an_older_release_take_rules_and_keep_their_answers(
    world: World, version: str
) -> None:
    with tarfile.open(ROOT / "tests" / "fixtures" / "state-of-0.1.0.tar.xz") as kept:
        kept.extractall(world.folder / "var", filter="data")
    if version != "0001":
        old_tables.set_back(world.database, version)
    before = {name: one.rows for name, one in answers(world).items()}
    assert before["day"]

    world.load(accounts(ownRules=[MY_TEAM], countedPurposes=["agent"]), at=datetime(2026, 3, 12, tzinfo=NOW.tzinfo))
    start = datetime(2026, 3, 12, 1, tzinfo=NOW.tzinfo)
    sync(world, Request(900, at=start, address=TEAM), Request(901, at=start, address=ELSEWHERE, user_agent=CHATGPT))

    with world.database.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == tables.VERSION
    assert numbers(answers(world)["day"])["20260312"] == (2, 1, 1)
    with opened(world) as application:
        earlier = Query("acme", "country", replace(PERIOD, to_day=date(2026, 3, 11)))
        assert application.analytics.run(earlier, ANN).totals.clicks == 60
        assert application.analytics.run(earlier, ANN).totals.bot_clicks == 0
    assert all(check["holds"] for check in world.run_json("verify", "--json"))
