"""Bots, people and their devices: verdicts on user agents as browsers, apps and bots send them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.agents import EXAMPLES

from ingest.classify import LIST_VERSION, classify_user_agents
from ingest.classify.bot_list import bot_list, compile_bot_list
from ingest.classify.bot_rules import bot_rules
from ingest.classify.list_files import LISTS, read_json, read_toml
from ingest.classify.refresh import changes, require_compilable

COLUMNS = ["user_agent", "decoded", "bot_rule", "bot_name", "bot_category", "device", "browser", "os", "bot_purpose"]


@pytest.fixture(scope="module")
def judged() -> pl.DataFrame:
    return pl.concat([EXAMPLES, classify_user_agents(EXAMPLES["agent"])], how="horizontal")


def test_there_are_examples_of_every_kind() -> None:
    assert EXAMPLES.height >= 250
    assert EXAMPLES["agent"].is_unique().all()
    assert EXAMPLES.filter(pl.col("group") == "in-app").height >= 50


def test_every_example_has_the_device_written_beside_it(judged: pl.DataFrame) -> None:
    wrong = judged.filter(pl.col("expected") != pl.col("device"))
    assert wrong.select("group", "agent", "expected", "device", "bot_rule").rows() == []


def test_a_bot_is_always_a_BOT_and_nobody_else_is(judged: pl.DataFrame) -> None:
    assert (judged["bot_rule"].is_not_null() == (judged["device"] == "BOT")).all()
    people = judged.filter(pl.col("bot_rule").is_null())
    assert people["bot_name"].null_count() == people["bot_category"].null_count() == people.height


def test_rows_come_back_in_order_with_the_promised_columns(judged: pl.DataFrame) -> None:
    found = classify_user_agents(EXAMPLES["agent"].reverse())
    assert found.schema == dict.fromkeys(COLUMNS, pl.String)
    assert found["user_agent"].to_list() == EXAMPLES["agent"].reverse().to_list()
    assert found.reverse().equals(judged.select(COLUMNS))


def test_several_threads_judge_at_once_as_one_does(judged: pl.DataFrame) -> None:
    """Also while the first of them compile the patterns."""
    bots = compile_bot_list(read_json("isbot.json"))
    start = Barrier(8)

    def judge(turn: int) -> tuple[pl.Series, pl.DataFrame]:
        agents = EXAMPLES["agent"].gather([(turn * 31 + place) % EXAMPLES.height for place in range(EXAMPLES.height)])
        start.wait()
        return bot_rules(agents, bots), classify_user_agents(agents)

    with ThreadPoolExecutor(8) as pool:
        for rules, found in pool.map(judge, range(8)):
            assert rules.equals(found["bot_rule"])
            assert found.sort("user_agent").equals(judged.select(COLUMNS).sort("user_agent"))


@pytest.mark.parametrize("rounds", [1, 2])
def test_an_encoded_agent_gets_the_verdict_of_the_plain_one(judged: pl.DataFrame, rounds: int) -> None:
    logged = EXAMPLES["agent"].to_list()
    for _ in range(rounds):
        logged = [quote(agent, safe="/:;(),=+*!$&@?") for agent in logged]
    found = classify_user_agents(pl.Series(logged))
    assert found["user_agent"].to_list() == logged
    assert found.drop("user_agent").equals(judged.select(COLUMNS).drop("user_agent"))


@pytest.mark.parametrize(
    ("agent", "rule", "name", "category"),
    [
        ("", "empty-user-agent", None, None),
        ("-", "empty-user-agent", None, None),
        ("%20", "empty-user-agent", None, None),
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", "isbot:google", "Googlebot", "search engine"),
        ("facebookexternalhit/1.1", "isbot:facebook", "facebookexternalhit", "previewer"),
        ("WhatsApp/2.23.20.0", "isbot:whatsapp", "WhatsApp", "previewer"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "isbot:bot", "Slackbot", "previewer"),
        ("TelegramBot (like TwitterBot)", "isbot:bot", "TelegramBot", "previewer"),
        ("Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", "isbot:bot", "GPTBot", "ai"),
        ("python-requests/2.32.3", "isbot:python", "python-requests", "http library"),
        ("curl/8.10.1", "isbot:url", "curl", "http library"),
        ("Dart/3.5 (dart:io)", "own:dart", "Dart", "http library"),
        ("UptimeRobot/2.0 (http://www.uptimerobot.com/)", "isbot:bot", "UptimeRobot", "monitor"),
        ("FreshRSS/1.24.3 (Linux; https://freshrss.org)", "isbot:http", "FreshRSS", "feed"),
        ("Mozilla/5.0", "isbot:bare-product", None, "http library"),
        ("[" + "x" * 50, "isbot:long-without-space", None, None),
        ("AppleNewsBot", "isbot:bot", "AppleNewsBot", "feed"),
    ],
)
def test_a_bot_says_by_which_rule_and_which_bot(agent: str, rule: str, name: str | None, category: str | None) -> None:
    found = classify_user_agents(pl.Series([agent])).row(0, named=True)
    assert (found["bot_rule"], found["bot_name"], found["bot_category"]) == (rule, name, category)


@settings(deadline=None)  # the first example loads the lists
@given(st.lists(st.text(), unique=True))
def test_any_text_gets_a_verdict(agents: list[str]) -> None:
    found = classify_user_agents(pl.Series(agents, dtype=pl.String))
    assert found["user_agent"].to_list() == agents
    assert found["device"].is_in(["MOBILE", "TABLET", "DESKTOP", "BOT", "UNKNOWN"]).all()


def test_letters_beyond_ascii_are_no_letters_to_the_list_as_in_javascript() -> None:
    agents = ["Mozilla/5.0 (X11; Linux x86_64) ſcan", "Pérsonne"]
    assert classify_user_agents(pl.Series(agents))["bot_rule"].to_list() == [None, None]


def test_every_pattern_of_the_list_is_asked() -> None:
    own = read_toml("own_rules.toml")
    off = [shape for shape in own["shape"] if shape.get("off")]
    assert len(bot_list().rules) == len(read_json("isbot.json")) + len(own["word"]) + len(own["shape"]) - len(off)


def test_the_projects_own_rules_speak_of_patterns_that_are_in_the_list() -> None:
    patterns = set(read_json("isbot.json"))
    assert set(read_toml("rule_names.toml")["names"]) <= patterns
    sparing = {rule.name for rule in bot_list().rules[: bot_list().sparing]}
    assert {f"isbot:{cut['pattern']}" for cut in read_toml("own_rules.toml")["cut"]} <= sparing


def test_the_version_names_both_lists_and_the_rules() -> None:
    manifest = read_json("manifest.json")
    assert LIST_VERSION.startswith(f"isbot-{manifest['isbot']['version']}+")
    assert f"+crawler-user-agents-{manifest['crawler-user-agents']['version']}+rules-" in LIST_VERSION


def test_every_list_of_others_has_its_licence_beside_it() -> None:
    for name, facts in read_json("manifest.json").items():
        assert (LISTS / f"{name}.LICENSE").stat().st_size > 0
        assert len(facts["sha256"]) == 64


def test_a_refresh_shows_whose_verdict_changes() -> None:
    lines = changes([pattern for pattern in read_json("isbot.json") if pattern != "headless"])
    assert any(line.startswith("isbot:headless -> person: ") for line in lines)
    assert lines[-1] == f"{len(lines) - 1} of {EXAMPLES.height} example agents changed their verdict."


def test_a_refresh_refuses_a_pattern_that_does_not_compile() -> None:
    refused = next(rule.pattern for rule in compile_bot_list(["new(?!er)"]).rules if rule.name.startswith("isbot:"))
    with pytest.raises(SystemExit, match="RE2 refuses"):
        require_compilable("isbot", refused)
