"""Measures verdicts a second of processor time: `POLARS_MAX_THREADS=1 python -m ingest.classify.speed`.

The agents are the project's examples, encoded as CloudFront does, each made distinct by its last number as versions do;
one in seven is a bot, as on a busy link.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import polars as pl

from ingest.classify.bot_rules import bot_rules
from ingest.classify.decoding import decode_until_stable
from ingest.classify.referrers import classify_referrers
from ingest.classify.refresh import EXAMPLES
from ingest.classify.verdicts import classify_user_agents, find

_AGENTS: Final = 200_000
_LAST_NUMBER: Final = re.compile("[0-9]+(?=[^0-9]*$)")


def distinct_agents(count: int = _AGENTS) -> list[str]:
    """As many different agents, decoded."""
    rows = [line.split("\t") for line in EXAMPLES.read_text().splitlines() if not line.startswith("#")]
    bots = [agent for _, device, agent in rows if device == "BOT"]
    people = [agent for _, device, agent in rows if device != "BOT"]
    kinds = [bots if number % 7 == 0 else people for number in range(count)]
    return [_numbered(kind[number % len(kind)], number) for number, kind in enumerate(kinds)]


def logged_agents(plain: list[str]) -> pl.Series:
    return pl.Series([quote(agent, safe="/:;(),=+*!$&@?") for agent in plain])


def _numbered(agent: str, number: int) -> str:
    return _LAST_NUMBER.sub(str(number), agent, count=1) if _LAST_NUMBER.search(agent) else f"{agent} {number}"


def main() -> int:
    plain = distinct_agents()
    decoded = pl.Series(plain)
    logged = logged_agents(plain)
    referrers = pl.Series([f"https://{number}.example{number % 97}.com/x" for number in range(_AGENTS)])
    classify_user_agents(logged.head(10))
    steps: list[tuple[str, Callable[[pl.Series], Any], pl.Series]] = [
        ("decoding", decode_until_stable, logged),
        ("bot or person", bot_rules, decoded),
        ("all patterns of all lists", lambda agents: [find(agent) for agent in agents.to_list()], decoded),
        ("the whole verdict", classify_user_agents, logged),
        ("referrers", classify_referrers, referrers),
    ]
    for name, step, values in steps:
        begun = time.process_time()
        step(values)
        sys.stdout.write(f"{name}: {values.len() / (time.process_time() - begun):,.0f} a second\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
