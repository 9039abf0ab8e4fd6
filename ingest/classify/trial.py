"""Whom a rule that is off would take for a bot: `python -m ingest.classify.trial RULE LAKE`.

Asks the agents of a lake (a folder or `s3://…`) that are people now, and prints how many of them and of their clicks
the rule would move, with the agents of most clicks. Nothing is written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import polars as pl

from analytics_core.errors import ClickledgerError
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICKS, USER_AGENTS
from ingest.classify.bot_list import compile_bot_list, own_rules
from ingest.classify.bot_rules import bot_rules
from ingest.classify.list_files import read_json

_SHOWN: Final = 20


def main(arguments: Sequence[str]) -> int:
    off = [rule["name"] for rule in own_rules() if rule.get("off")]
    if len(arguments) != 2 or arguments[0] not in off:
        sys.stderr.write(f"Usage: python -m ingest.classify.trial RULE LAKE; rules that are off: {', '.join(off)}.\n")
        return 2
    rule, url = arguments
    try:
        agents = clicks_by_agent(Lake(url))
    except ClickledgerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    people = agents.filter(bot_rules(agents["agent"]).is_null())
    moved = moved_by(rule, people)
    sys.stdout.write(
        f"own:{rule} would take {moved.height:,} of {people.height:,} agents of people for bots, with "
        f"{moved['clicks'].sum():,} of {people['clicks'].sum():,} clicks.\n"
    )
    for agent, clicks in moved.sort("clicks", descending=True).head(_SHOWN).rows():
        sys.stdout.write(f"{clicks:,}\t{agent!r}\n")
    return 0


def clicks_by_agent(lake: Lake) -> pl.DataFrame:
    """`agent` (decoded) and its `clicks`. Raises StoreUnavailableError where no lake is."""
    lake.check()
    clicks = lake.scan(lake.open(CLICKS), CLICKS).group_by("user_agent_id").agg(clicks=pl.len())
    agents = lake.scan(lake.open(USER_AGENTS), USER_AGENTS).unique("user_agent_id")
    return agents.join(clicks, on="user_agent_id").select(agent="user_agent", clicks="clicks").collect()


def moved_by(rule: str, people: pl.DataFrame) -> pl.DataFrame:
    """The rows of `people` (with `agent`) that are bots once the own rule is switched on."""
    return people.filter(bot_rules(people["agent"], compile_bot_list(read_json("isbot.json"), [rule])).is_not_null())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
