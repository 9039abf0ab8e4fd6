"""Bots by kind, people whose agents look like one, and what any agent must bear."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.agents import KINDS

from analytics_core.dimensions import BOT_PURPOSES
from analytics_core.model import BOT, PERSON
from ingest.classify.bot_list import bot_list, compile_bot_list, own_rules
from ingest.classify.bot_rules import bot_rules
from ingest.classify.list_files import read_json
from ingest.classify.refresh import require_compilable
from ingest.classify.verdicts import classify_user_agents

OFF = "unknown-product-after-browser"
# Words that phones are called by: English nouns, and the words that isbot's list asks for.
NOUNS = (Path(__file__).parent / "nouns.txt").read_text(encoding="utf-8").split()
LIST_WORDS = sorted(pattern.strip() for pattern in read_json("isbot.json") if pattern.strip().isalpha())


def test_an_agent_of_a_kind_has_the_rule_written_beside_it() -> None:
    judged = KINDS.with_columns(rule=bot_rules(KINDS["agent"]).fill_null("person"))
    is_any_bot = (pl.col("expected") == "bot") & (pl.col("rule") != "person")

    assert judged.filter(~is_any_bot & (pl.col("expected") != pl.col("rule"))).rows() == []
    assert KINDS["agent"].is_unique().all()
    assert KINDS.height >= 180


def test_an_unknown_product_after_a_desktop_browser_is_a_rule_that_is_off() -> None:
    switched_on = compile_bot_list(read_json("isbot.json"), [OFF])
    windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    agents = pl.Series(
        [
            f"{windows}Chrome/138.0.0.0 Safari/537.36 Unheard/1.0",
            f"{windows}Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
            f"{windows}Slack/4.46.99 Chrome/140.0.7339.133 Electron/38.1.2 Safari/537.36 Slack_SSB/4.46",
            f"{windows}Chrome/138.0.0.0 Safari/537.36",
        ]
    )

    assert bot_rules(agents).to_list() == [None] * 4
    assert bot_rules(agents, switched_on).to_list() == [f"own:{OFF}", None, None, None]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from([*NOUNS, *LIST_WORDS, "7", "Pro", "SE"]), min_size=1, max_size=3), st.booleans())
def test_a_phone_may_have_any_word_as_its_model(words: list[str], as_title: bool) -> None:
    model = " ".join(word.title() if as_title else word for word in words)
    tail = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36"
    agents = [
        f"Mozilla/5.0 (Linux; Android 14; {model}) {tail}",
        f"Mozilla/5.0 (Linux; Android 14; {model} Build/UP1A.231005.007) {tail}",
        f"Mozilla/5.0 (Linux; U; Android 4.4.2; en-us; {model} Build/KOT49H) {tail}",
        f"Mozilla/5.0 (Linux; Android 14; {model} (2024) Build/UP1A.231005.007; wv) {tail}",
    ]

    assert bot_rules(pl.Series(agents)).to_list() == [None] * len(agents)


def test_every_noun_and_every_word_of_the_list_may_be_a_model_and_a_bot_beside_it_is_still_found() -> None:
    words = [*NOUNS, *LIST_WORDS]
    phone = (
        "Mozilla/5.0 (Linux; Android 14; {} 5) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
    )

    assert bot_rules(pl.Series([phone.format(word) for word in words])).null_count() == len(words)
    bots = bot_rules(pl.Series([f"{phone.format(word)} Somebot/1.0" for word in words]))
    assert bots.null_count() == 0


@settings(deadline=None, max_examples=15)
@given(st.lists(st.text(max_size=200), unique=True, min_size=5, max_size=40))
def test_an_agent_encoded_once_or_twice_has_the_verdict_of_the_plain_one(agents: list[str]) -> None:
    plain = pl.Series([agent.replace("%", "") for agent in agents], dtype=pl.String).unique(maintain_order=True)
    verdicts = classify_user_agents(plain).drop("user_agent")
    once = [quote(agent) for agent in plain]

    for logged in (once, [quote(agent) for agent in once]):
        assert classify_user_agents(pl.Series(logged, dtype=pl.String)).drop("user_agent").equals(verdicts)


def assert_consistent(verdicts: pl.DataFrame) -> None:
    """One verdict: a bot's, with a purpose, or a person's, with a device and without anything of a bot."""
    (verdict,) = verdicts.to_dicts()
    if verdict["bot_rule"] is None:
        assert verdict["device"] in {"MOBILE", "TABLET", "DESKTOP", "UNKNOWN"}
        assert verdict["bot_purpose"] == PERSON
        assert verdict["bot_name"] is verdict["bot_category"] is None
        assert BOT not in {verdict["browser"], verdict["os"]}
    else:
        assert verdict["device"] == "BOT"
        assert verdict["bot_purpose"] in BOT_PURPOSES
        assert verdict["browser"] == verdict["os"] == BOT


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(KINDS["agent"].to_list()), st.text(max_size=30), st.integers(min_value=0, max_value=200))
def test_any_agent_with_any_text_put_into_it_has_a_verdict(agent: str, text: str, place: int) -> None:
    changed = agent[:place] + text + agent[place:]

    assert_consistent(classify_user_agents(pl.Series([changed])))


@pytest.mark.parametrize(
    "unit",
    ["a", " ", "(", ")", "a/1 ", "(a) ", "Android 1; ", "compatible; ", "Mozilla/5.0 (", "%25", "é", "a (b (c) d) "],
)
def test_an_agent_of_64_kilobytes_has_a_verdict(unit: str) -> None:
    assert_consistent(classify_user_agents(pl.Series([unit * (65_536 // len(unit))])))


def test_each_own_rule_has_a_name_of_its_own_a_sentence_and_a_source_and_compiles() -> None:
    rules = own_rules()
    names = [rule["name"] for rule in rules]

    assert len(names) == len(set(names))
    for rule in rules:
        assert rule["sentence"].endswith("."), rule["name"]
        assert rule["source"].startswith("https://"), rule["name"]
    switched_on = compile_bot_list(read_json("isbot.json"), names)
    for rule in (*switched_on.rules, *switched_on.products):
        require_compilable("own_rules.toml", rule.pattern)
    assert [rule["name"] for rule in rules if rule.get("off")] == [OFF]


def test_what_is_asked_of_apps_are_rules_of_the_list() -> None:
    assert bot_list().asked_of_apps <= {rule.name for rule in compile_bot_list(read_json("isbot.json"), [OFF]).rules}
