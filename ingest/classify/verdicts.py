"""One verdict a user agent: bot or person, which bot, which device, browser and system, by a list version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from analytics_core.dimensions import OF_BOTS, OF_PEOPLE, VERDICT_COLUMNS
from ingest.classify.bot_names import bot_names
from ingest.classify.bot_rules import bot_rules
from ingest.classify.decoding import decode_until_stable
from ingest.classify.devices import devices
from ingest.classify.families import browsers, systems
from ingest.classify.list_files import read_json

# What is told of the agents of people, by the column of its dimension.
CLASSIFIERS: Final[Mapping[str, Callable[[pl.Series], pl.Series]]] = {
    "device": devices,
    "browser": browsers,
    "os": systems,
}
_RULES_VERSION: Final = 9  # raise it when the rules of devices or families, exceptions or the use of the lists change
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
    rules = bot_rules(decoded)
    is_person = rules.is_null()
    people, bots = decoded.filter(is_person), decoded.filter(~is_person)
    of_people = pl.DataFrame(
        [is_person.arg_true().alias("place"), *(CLASSIFIERS[name](people).alias(name) for name in OF_BOTS)]
    ).with_columns(pl.lit(answer).alias(name) for name, answer in OF_PEOPLE.items())
    of_bots = bot_names(bots).with_columns(
        pl.col("bot_purpose").fill_null("other"),
        (~is_person).arg_true().alias("place"),
        *(pl.lit(answer).alias(name) for name, answer in OF_BOTS.items()),
    )
    told = pl.concat([of_people, of_bots], how="diagonal").sort("place").drop("place")
    agents = pl.DataFrame([user_agents.alias("user_agent"), decoded.alias("decoded"), rules])
    return agents.hstack(told).select("user_agent", "decoded", "bot_rule", "bot_name", "bot_category", *VERDICT_COLUMNS)
