"""One verdict a user agent: bot or person, which bot, which device. Verdicts belong to a list version."""

from __future__ import annotations

import json
from typing import Final

import polars as pl

from ingest.classify.bot_names import bot_names
from ingest.classify.bots import LISTS, bot_rules
from ingest.classify.decoding import decode_until_stable
from ingest.classify.devices import devices

HEAD_RULE: Final = "method-head"  # browsers do not navigate with HEAD; a rule on requests, not on agents

_RULES_VERSION: Final = 1  # raise it when the device rules or the use of the lists change
_MANIFEST: Final = json.loads((LISTS / "manifest.json").read_text())
LIST_VERSION: Final = "+".join(
    [*(f"{name}-{_MANIFEST[name]['version']}" for name in ("isbot", "crawler-user-agents")), f"rules-{_RULES_VERSION}"]
)


def classify_user_agents(user_agents: pl.Series) -> pl.DataFrame:
    """Verdicts on distinct agents as logged (String, no nulls), one row each in the same order.

    Columns, all String: `user_agent` (as given), `decoded`, `bot_rule` (null: a person), `bot_name`, `bot_category`
    (null: not known), `device` (MOBILE, TABLET, DESKTOP, BOT, UNKNOWN).
    """
    decoded = decode_until_stable(user_agents)
    frame = pl.DataFrame({"user_agent": user_agents, "decoded": decoded, "bot_rule": bot_rules(decoded)})
    is_bot = pl.col("bot_rule").is_not_null()
    people, bots = frame.filter(~is_bot), frame.filter(is_bot)
    nothing = pl.lit(None, dtype=pl.String)
    judged = pl.concat(
        [
            people.with_columns(bot_name=nothing, bot_category=nothing, device=devices(people["decoded"])),
            bots.with_columns(bot_names(bots["decoded"])).with_columns(device=pl.lit("BOT")),
        ]
    )
    return frame.select("user_agent").join(judged, on="user_agent", how="left", maintain_order="left")
