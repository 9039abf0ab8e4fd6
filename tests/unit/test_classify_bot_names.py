"""Which bot it is, of what kind and what for: names of lists, and names taken out of an agent that no list knows."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.agents import EXAMPLES, KINDS

from ingest.classify.bot_names import bot_name
from ingest.classify.bot_rules import bot_rules
from ingest.classify.list_files import read_toml

PURPOSES = {"search", "agent", "training", "preview", "monitor", "scanner", "library", "other"}
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko"
CHROME = f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT}) Chrome/131.0.0.0 Safari/537.36"

NAMED = [
    ("claude-cli", "ai agent", "agent", "claude-cli/2.0.10 (external, cli)"),
    ("ModelContextProtocol", "ai agent", "agent", "ModelContextProtocol/1.0 (User-Specified; +https://github.com/x/y)"),
    ("xAI-SearchBot", "ai search", "search", "Mozilla/5.0 (compatible; xAI-SearchBot/1.0; +https://x.ai)"),
    ("Kimi-User", "ai agent", "agent", "Mozilla/5.0 (compatible; Kimi-User)"),
    ("AhrefsBot", "seo", "other", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    ("GPTBot", "ai", "training", f"Mozilla/5.0 {WEBKIT}; compatible; GPTBot/1.3; +https://openai.com/gptbot)"),
    ("OAI-SearchBot", "ai search", "search", f"{CHROME}; compatible; OAI-SearchBot/1.3; +https://openai.com/searchbot"),
    (
        "ChatGPT-User",
        "ai agent",
        "agent",
        f"Mozilla/5.0 {WEBKIT}); compatible; ChatGPT-User/1.0; +https://openai.com/bot",
    ),
    (
        "OAI-AdsBot",
        "advertising",
        "other",
        f"Mozilla/5.0 {WEBKIT}); compatible; OAI-AdsBot/1.0; +https://openai.com/adsbot",
    ),
    ("ClaudeBot", "ai", "training", f"Mozilla/5.0 {WEBKIT}; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)"),
    (
        "Claude-User",
        "ai agent",
        "agent",
        f"Mozilla/5.0 {WEBKIT}; compatible; Claude-User/1.0; +Claude-User@anthropic.com)",
    ),
    ("Claude-SearchBot", "ai search", "search", f"Mozilla/5.0 {WEBKIT}; compatible; Claude-SearchBot/1.0)"),
    ("PerplexityBot", "ai search", "search", f"Mozilla/5.0 {WEBKIT}; compatible; PerplexityBot/1.0)"),
    ("Perplexity-User", "ai agent", "agent", f"Mozilla/5.0 {WEBKIT}; compatible; Perplexity-User/1.0)"),
    ("meta-externalagent", "ai", "training", "meta-externalagent/1.1"),
    ("meta-externalfetcher", "ai agent", "agent", "meta-externalfetcher/1.1"),
    (
        "Amazonbot",
        "ai",
        "training",
        f"Mozilla/5.0 {WEBKIT}; compatible; Amazonbot/0.1) Chrome/119.0.6045.214 Safari/537.36",
    ),
    (
        "Amzn-SearchBot",
        "ai search",
        "search",
        f"Mozilla/5.0 {WEBKIT}; compatible; Amzn-SearchBot/0.1) Chrome/119.0 Safari/537",
    ),
    ("Applebot", "search engine", "search", f"{CHROME} (Applebot/0.1; +http://www.apple.com/go/applebot)"),
    ("Bytespider", "ai", "training", "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)"),
    ("CCBot", "ai", "training", "CCBot/2.0 (https://commoncrawl.org/faq/)"),
    ("Google-Firebase", "ai agent", "agent", "Google-Firebase"),
    ("bedrockbot", "ai agent", "agent", "Mozilla/5.0 (compatible; bedrockbot/1.0)"),
    (
        "MistralAI-Index",
        "ai search",
        "search",
        "Mozilla/5.0 (compatible; MistralAI-Index/1.0; +https://docs.mistral.ai/robots)",
    ),
    ("GrokBot", "ai", "training", "GrokBot/1.0"),
    ("Jina-Reader", "ai agent", "agent", "Jina-Reader/1.0"),
    ("Crawl4AI", "ai agent", "agent", "Crawl4AI/0.7"),
    (
        "Googlebot",
        "search engine",
        "search",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ),
    (
        "Feedly",
        "feed",
        "other",
        "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 24 subscribers; like FeedFetcher-Google)",
    ),
    ("TelegramBot", "previewer", "preview", "TelegramBot (like TwitterBot)"),
    ("Dalvik", "system fetcher", "library", "Dalvik/2.1.0 (Linux; U; Android 14; SM-S911B Build/UP1A.231005.007)"),
    (
        "wkhtmltopdf",
        "browser automation",
        "library",
        "Mozilla/5.0 (X11; Linux) AppleWebKit/538.1 wkhtmltopdf Safari/538.1",
    ),
]
OF_SHAPE = [
    ("Unheardbot", "crawler", "other", "Unheardbot/1.2"),
    ("Unheard Crawler", "crawler", "other", "Mozilla/5.0 (compatible; Unheard Crawler/1.0; +https://unheard.example/)"),
    (
        "Unheard-User",
        "ai agent",
        "agent",
        f"Mozilla/5.0 {WEBKIT}; compatible; Unheard-User/1.0) Chrome/119.0.0.0 Safari/537.36",
    ),
    ("UnheardPreview", "previewer", "preview", f"{CHROME} UnheardPreview/3"),
    ("UnheardScanner", "scanner", "scanner", "UnheardScanner/1.0 (linux)"),
    ("Unheard-Heartbeat", "monitor", "monitor", "Unheard-Heartbeat/0.3"),
    ("unheard-client", "http library", "library", "unheard-client/1.2.3-beta.4"),
    ("unheard.example", "http library", "library", "https://unheard.example/"),
    ("unheard.example", "crawler", "other", "Mozilla/5.0 (+https://unheard.example/spider) Safari/1"),
    (None, "crawler", "other", "Mozilla/5.0 (X11; compatible) Chrome/1 Safari/537.36"),
    (None, None, None, "%%%"),
    (None, None, None, ""),
]


@pytest.mark.parametrize(("name", "category", "purpose", "agent"), NAMED, ids=[str(row[0]) for row in NAMED])
def test_a_bot_has_the_name_kind_and_purpose_that_its_operator_gives_it(
    name: str, category: str, purpose: str, agent: str
) -> None:
    assert bot_name(agent) == (name, category, purpose)


@pytest.mark.parametrize(("name", "category", "purpose", "agent"), OF_SHAPE, ids=range(len(OF_SHAPE)))
def test_a_bot_that_no_list_knows_is_called_by_the_product_in_its_agent(
    name: str | None, category: str | None, purpose: str | None, agent: str
) -> None:
    assert bot_name(agent) == (name, category, purpose)


def test_nearly_every_bot_of_the_examples_has_a_name_and_a_purpose() -> None:
    agents = pl.concat([EXAMPLES["agent"], KINDS["agent"]])
    bots = agents.filter(bot_rules(agents).is_not_null()).to_list()
    named = [bot for bot in map(bot_name, bots) if bot.name is not None and bot.purpose is not None]

    assert len(named) >= 0.98 * len(bots)


def test_every_kind_has_a_purpose_of_the_contract_and_every_row_an_operator_and_a_source() -> None:
    own = read_toml("bot_names.toml")

    assert set(own["purposes"].values()) == PURPOSES
    assert {row["category"] for row in (*own["bots"], *own["kinds"])} <= set(own["purposes"])
    for bot in own["bots"]:
        assert bot["text"] == bot["text"].lower()
        assert bot["operator"]
        assert bot["source"].startswith("https://"), bot["name"]
    texts = [bot["text"] for bot in own["bots"]]
    assert len(texts) == len(set(texts))


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=200))
def test_any_text_has_a_purpose_of_the_contract_or_none_and_beside_a_known_bot_a_name(agent: str) -> None:
    assert bot_name(agent).purpose in {*PURPOSES, None}
    assert bot_name(f"GPTBot/1.3 {agent}").name is not None
