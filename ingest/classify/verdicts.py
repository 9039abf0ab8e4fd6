"""One verdict a user agent: bot or person, which bot, which device, browser and system, by a list version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import polars as pl

from analytics_core.dimensions import OF_BOTS, OF_PEOPLE, VERDICT_COLUMNS
from ingest.classify.bot_list import bot_list
from ingest.classify.bot_names import bot_name
from ingest.classify.bot_rules import bot_rule
from ingest.classify.decoding import decode_until_stable
from ingest.classify.devices import device, device_patterns
from ingest.classify.families import browser, family_patterns, system
from ingest.classify.list_files import read_json
from ingest.classify.pattern_set import Found, PatternSet
from ingest.classify.versions import places_in, without_versions

# What is told of the agents of people, by the column of its dimension.
CLASSIFIERS: Final[Mapping[str, Callable[[Found], str]]] = {
    "device": device,
    "browser": browser,
    "os": system,
}
_OF_PEOPLE: Final = tuple(CLASSIFIERS[column] for column in OF_BOTS)
_COLUMNS: Final = ("bot_rule", "bot_name", "bot_category", *VERDICT_COLUMNS)
_RULES_VERSION: Final = 10  # raise it when the rules of devices or families, exceptions or the use of the lists change
_MANIFEST: Final = read_json("manifest.json")
LIST_VERSION: Final = "+".join(
    [
        *(f"{name}-{_MANIFEST[name]['version']}" for name in ("isbot", "crawler-user-agents")),
        f"rules-{_RULES_VERSION}.{len(CLASSIFIERS)}",  # who tells more of an agent judges all of them again
    ]
)


def classify_user_agents(user_agents: pl.Series) -> pl.DataFrame:
    """Verdicts on distinct agents as logged (String, no nulls), one row each in the same order.

    Columns, all String: `user_agent` (as given), `decoded`, `bot_rule` (null: a person), `bot_name`, `bot_category`
    (null: not known), and VERDICT_COLUMNS: `device` (MOBILE, TABLET, DESKTOP, BOT, UNKNOWN), `browser` and `os` (a
    family, `unknown`, or `(bot)`), and `bot_purpose` (one of BOT_PURPOSES, or `(person)`).
    """
    decoded = decode_until_stable(user_agents)
    asked = without_versions(decoded)
    distinct = asked.unique()
    verdicts = zip(*map(_verdict, distinct.to_list()), strict=True) if distinct.len() else [[]] * len(_COLUMNS)
    told = [pl.Series(name, values, dtype=pl.String) for name, values in zip(_COLUMNS, verdicts, strict=True)]
    agents = pl.DataFrame([user_agents.alias("user_agent"), decoded.alias("decoded")])
    return agents.hstack(pl.DataFrame(told)[places_in(distinct, asked)])


@cache
def _patterns() -> PatternSet:
    return PatternSet({**bot_list().lists(), **device_patterns(), **family_patterns()})


def find(decoded: str) -> Found:
    """What the patterns of all lists find in a decoded agent."""
    return _patterns().find(decoded)


def _verdict(agent: str) -> tuple[str | None, ...]:
    found = find(agent)
    rule = bot_rule(found, bot_list())
    if rule is None:
        return (None, None, None, *(classify(found) for classify in _OF_PEOPLE), *OF_PEOPLE.values())
    name, category, purpose = bot_name(agent)
    return (rule, name, category, *OF_BOTS.values(), purpose or "other")
