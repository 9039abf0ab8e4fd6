"""Own rules and counted purposes are stamped on clicks as a plain look through all of them says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table
from support.examples import examples

from analytics_core.dimensions import BOT_PURPOSES
from analytics_core.store import tables
from analytics_core.store.database import Database
from analytics_core.store.lake_tables import UTC_MICROSECONDS
from ingest.clicks.counted_purposes import load_counted_purposes
from ingest.clicks.own_rules import load_own_rules

START = datetime(2026, 3, 10, tzinfo=UTC)
HANDLES = ("acme", "big", "zed")
ADDRESSES = (
    "203.0.113.7",
    "203.0.113.200",
    "::ffff:203.0.113.7",
    "2001:db8::7",
    "2001:DB8:0:0::7",
    "-",
    "unknown",
    None,
)
NETWORKS = ("203.0.113.0/24", "203.0.113.7/32", "203.0.113.128/25", "2001:db8::/32", "2001:db8::7/128", "192.0.2.0/24")
AGENTS = {1: "Mozilla/5.0 ACME-Monitor/2", 2: "acme monitor", 3: "Mozilla/5.0 Chrome/131", 4: "İacme-mon ü", 5: ""}
TEXTS = ("acme", "ACME-MON", "monitor", "Mozilla", "zilla/5.0 chrome", "i", ".*", "nobody")

hours = st.integers(0, 12).map(lambda hour: START + timedelta(hours=hour))


@dataclass(frozen=True)
class Rule:
    handle: str
    name: str
    valid_from: datetime
    valid_to: datetime | None
    place: int
    network: str | None
    agent: str | None
    purpose: str
    sentence: None = None


@dataclass(frozen=True)
class Click:
    handle: str
    at: datetime
    client_address: str | None
    user_agent_id: int | None


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[datetime, datetime | None]]:
    """Spans that follow one another, with gaps or without; the last may be in force."""
    times = sorted(draw(st.sets(hours, min_size=1, max_size=4)))
    spans = list(zip(times, [*times[1:], None], strict=True))
    return [span for span in spans if span[1] is None or draw(st.integers(0, 3))][draw(st.integers(0, 1)) :]


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    found: list[Rule] = []
    for handle in draw(st.lists(st.sampled_from(HANDLES[:2]), unique=True)):
        for place in draw(st.lists(st.integers(0, 9), max_size=4, unique=True)):
            for begin, end in draw(histories()):
                signs = draw(
                    st.one_of(
                        st.sampled_from(NETWORKS).map(lambda text: (text, None)),
                        st.sampled_from(TEXTS).map(lambda text: (None, text)),
                    )
                )
                purpose = draw(st.sampled_from(BOT_PURPOSES))
                found.append(Rule(handle, f"rule {place}", begin, end, place, *signs, purpose))
    return found


clicks = st.lists(
    st.builds(Click, st.sampled_from(HANDLES), hours, st.sampled_from(ADDRESSES), st.sampled_from([*AGENTS, None])),
    max_size=20,
)


def matches(rule: Rule, click: Click) -> bool:
    if rule.handle != click.handle or click.at < rule.valid_from:
        return False
    if rule.valid_to is not None and click.at >= rule.valid_to:
        return False
    if rule.agent is not None:
        return click.user_agent_id is not None and folded(rule.agent) in folded(AGENTS[click.user_agent_id])
    if click.client_address in ("-", "unknown", None):
        return False
    address, network = ip_address(click.client_address), ip_network(rule.network or "")
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address) in network


def folded(text: str) -> str:
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)


def frame(rows: Sequence[Click]) -> pl.DataFrame:
    kinds = (pl.String, UTC_MICROSECONDS, pl.String, pl.Int64)
    schema = dict(zip(("handle", "at", "client_address", "user_agent_id"), kinds, strict=True))
    return pl.DataFrame([tuple(vars(row).values()) for row in rows], schema=schema, orient="row")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """With the handles."""
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('rules')}/x.sqlite")
    rows = [{"handle": handle, "plan": "PRO", "plan_since": START, "timezone": "UTC"} for handle in HANDLES]
    with made.begin() as connection:
        connection.execute(tables.handles.insert(), rows)
    return made


def fill(database: Database, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    with database.begin() as connection:
        connection.execute(table.delete())
        if rows:
            connection.execute(table.insert(), rows)


@settings(deadline=None, max_examples=examples(60))
@given(rules=rule_sets(), clicked=clicks)
def test_a_click_gets_the_first_rule_in_force_that_matches_it(
    database: Database, rules: list[Rule], clicked: list[Click]
) -> None:
    fill(database, tables.own_rules, [vars(rule) for rule in rules])
    agents = pl.DataFrame({"user_agent_id": [*AGENTS, 99], "user_agent": [*AGENTS.values(), "acme of another batch"]})

    stamped = load_own_rules(database).stamp(frame(clicked), agents)

    expected = []
    for click in clicked:
        found = min((rule for rule in rules if matches(rule, click)), key=lambda rule: rule.place, default=None)
        expected.append((None, None) if found is None else (found.name, found.purpose))
    assert stamped.select("own_rule", "own_rule_purpose").rows() == expected
    assert stamped.drop("own_rule", "own_rule_purpose").equals(frame(clicked))


@pytest.mark.parametrize("text", ["acme", "ACME-MON", "Monitor", "e-m", "zilla/5.0 acme"])
def test_texts_of_rules_that_overlap_in_an_agent_are_all_found(database: Database, text: str) -> None:
    texts = {"acme": 1, "ACME-MON": 2, "Monitor": 3, "e-m": 4, "zilla/5.0 acme": 5} | {text: 0}
    rules = [Rule("acme", one, START, None, place, None, one, "other") for one, place in texts.items()]
    fill(database, tables.own_rules, [vars(rule) for rule in rules])
    agents = pl.DataFrame({"user_agent_id": [1], "user_agent": [AGENTS[1]]})

    stamped = load_own_rules(database).stamp(frame([Click("acme", START, None, 1)]), agents)

    assert stamped["own_rule"].to_list() == [text]


@settings(deadline=None, max_examples=examples(60))
@given(spans=st.dictionaries(st.sampled_from(HANDLES), histories()), clicked=clicks)
def test_a_click_gets_the_choice_of_its_handle_in_force(
    database: Database, spans: dict[str, list[tuple[datetime, datetime | None]]], clicked: list[Click]
) -> None:
    choices = [
        {"handle": handle, "valid_from": begin, "valid_to": end, "purposes": BOT_PURPOSES[place]}
        for handle, times in spans.items()
        for place, (begin, end) in enumerate(times)
    ]
    fill(database, tables.counted_purposes, choices)

    stamped = load_counted_purposes(database).stamp(frame(clicked))

    expected = []
    for click in clicked:
        expected.append(
            next(
                (
                    one["purposes"]
                    for one in choices
                    if one["handle"] == click.handle
                    and one["valid_from"] <= click.at
                    and (one["valid_to"] is None or click.at < one["valid_to"])
                ),
                None,
            )
        )
    assert stamped["counted_purposes"].to_list() == expected
    assert stamped.drop("counted_purposes").equals(frame(clicked))


def test_no_purpose_is_a_part_of_another_since_choices_are_looked_through_as_texts() -> None:
    assert not [(one, other) for one in BOT_PURPOSES for other in BOT_PURPOSES if one != other and one in other]


def test_no_purpose_is_a_part_of_another() -> None:
    """The counted ones are kept in one text, in which each is looked for."""
    assert [(one, other) for one in BOT_PURPOSES for other in BOT_PURPOSES if one != other and one in other] == []
