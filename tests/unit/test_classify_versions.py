"""The versions of browsers decide nothing: agents that differ in them alone are asked once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from support.agents import EXAMPLES, KINDS

from ingest.classify import verdicts
from ingest.classify.bot_list import bot_list
from ingest.classify.bot_rules import bot_rule, bot_rules
from ingest.classify.verdicts import classify_user_agents, find
from ingest.classify.versions import without_versions

BY_KIND = [
    line.split("\t")[-1]
    for line in (Path(__file__).parent / "agents_by_kind.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
AGENTS = pl.Series([*EXAMPLES["agent"], *KINDS["agent"], *BY_KIND]).unique(maintain_order=True)


def test_an_agent_has_the_verdict_of_the_same_one_without_versions() -> None:
    asked = without_versions(AGENTS)
    assert asked.n_unique() < AGENTS.len()
    for agent, plain in zip(AGENTS.to_list(), asked.to_list(), strict=True):
        assert verdicts._verdict(plain) == verdicts._verdict(agent), agent


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(10, 999), st.sampled_from(["", ".0", ".0.7390.55"])), min_size=1, max_size=9))
def test_agents_of_many_versions_come_back_in_their_order(versions: list[tuple[int, str]]) -> None:
    windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    people = [f"{windows} Chrome/{major}{minor} Safari/537.36" for major, minor in versions]
    bots = [f"{windows} Chrome/{major}{minor} Safari/537.36 Unheardbot/1.0" for major, minor in versions]
    agents = [agent for pair in zip(people, bots, strict=True) for agent in pair]

    judged = classify_user_agents(pl.Series(agents))

    assert judged["user_agent"].to_list() == agents
    assert judged["device"].to_list() == ["DESKTOP", "BOT"] * len(versions)
    assert bot_rules(pl.Series(agents)).to_list() == [bot_rule(find(agent), bot_list()) for agent in agents]


def test_the_version_that_some_bots_call_themselves_by_stays() -> None:
    agent = "Mozilla/5.0 (X11; Linux) Chrome/1.0; Firefox/142.0"
    assert without_versions(pl.Series([agent, "curl/8.10.1 Chrome/141.0"])).to_list() == [
        "Mozilla/5.0 (X11; Linux) Chrome/1.0; Firefox/10",
        "curl/8.10.1 Chrome/141.0",
    ]
