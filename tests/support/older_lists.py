"""A lake that a program of older lists has filled: they told bots by other rules than the installed ones."""

from __future__ import annotations

import polars as pl
import pytest

from ingest.classify import classify_user_agents
from ingest.clicks import user_agents
from support.logs import CHROME, GOOGLEBOT, IPHONE, Request, realtime_text, write
from support.world import World

OLDER = "isbot-0.9+rules-1"
CURL = "curl/8.10.1"
CURL_RULE, GOOGLEBOT_RULE = classify_user_agents(pl.Series([CURL, GOOGLEBOT]))["bot_rule"]
# What the older lists said of agents as they stand in the lake.
OLDER_RULES = {"curl": None, "Googlebot": "isbot:crawl", "iPhone": "own:telephone"}


def sync_by_older_lists(world: World, requests: list[Request]) -> None:
    """A program of lists that took curl for a person and each iPhone for a bot, knew Googlebot by another rule, and
    told no browser."""
    judge = user_agents.classify_user_agents

    def judge_as_then(logged: pl.Series) -> pl.DataFrame:
        rule = pl.col("bot_rule")
        for word, was in OLDER_RULES.items():
            rule = pl.when(pl.col("decoded").str.contains(word)).then(pl.lit(was)).otherwise(rule)
        return judge(logged).with_columns(bot_rule=rule, browser=pl.lit(None, dtype=pl.String))

    with pytest.MonkeyPatch.context() as then:
        then.setattr(user_agents, "LIST_VERSION", OLDER)
        then.setattr(user_agents, "classify_user_agents", judge_as_then)
        world.sync(write(world.folder / "older.gz", realtime_text(requests)))


def fill_by_older_lists(world: World) -> None:
    """19 clicks of two handles."""
    zed = "zed.clickledger.localhost"
    sync_by_older_lists(
        world,
        [
            *(Request(number, user_agent=CHROME) for number in range(5)),
            *(Request(number, user_agent=CURL) for number in range(10, 13)),
            Request(13, user_agent=CURL, method="HEAD"),
            *(Request(number, user_agent=IPHONE) for number in range(20, 22)),
            Request(22, user_agent=IPHONE, method="HEAD"),
            Request(30, user_agent=GOOGLEBOT),
            *(Request(number, user_agent=CURL, host=zed, path="/sale") for number in range(40, 46)),
        ],
    )
