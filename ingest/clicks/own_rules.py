"""Own rules: which clicks a handle itself takes for a bot's, by networks and by texts in user agents.

Addresses are matched while lines are read, and not kept: a click keeps the name of the rule and its purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
from sqlalchemy import select

from analytics_core.address_ranges import parse_range
from analytics_core.store import tables
from analytics_core.store.database import Database
from analytics_core.store.lake_tables import UTC_MICROSECONDS
from ingest.classify import RangeIndex, index_ranges

OWN_RULE_COLUMNS: Final = ("own_rule", "own_rule_purpose")

_RULES: Final = {
    "number": pl.Int64,  # of the row
    "handle": pl.String,
    "own_rule": pl.String,
    "own_rule_purpose": pl.String,
    "place": pl.Int64,
    "valid_from": UTC_MICROSECONDS,
    "valid_to": UTC_MICROSECONDS,
    "network": pl.String,
    "agent": pl.String,
}
_MATCHES: Final = {"row": pl.UInt32, "number": pl.Int64}


@dataclass(frozen=True, slots=True)
class OwnRules:
    """The rules of all handles over time: `rules` as in _RULES, and the numbers of those with a network by it."""

    rules: pl.DataFrame
    networks: RangeIndex[int]

    def stamp(self, clicks: pl.DataFrame, agents: pl.DataFrame) -> pl.DataFrame:
        """Adds OWN_RULE_COLUMNS: of the rules in force when the click happened, the first in the file that matches;
        null where none does.

        `agents`: `user_agent_id` and `user_agent` (decoded) of the clicks, and maybe of others.
        """
        concerned = self._concerned(clicks)
        if concerned.is_empty():
            return clicks.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in OWN_RULE_COLUMNS)
        matches = pl.concat([self._by_address(concerned), self._by_agent(concerned, agents)])
        found = (
            matches.join(self.rules, on="number")
            .join(concerned.select("row", "at"), on="row")
            .filter(
                pl.col("at") >= pl.col("valid_from"), pl.col("valid_to").is_null() | (pl.col("at") < pl.col("valid_to"))
            )
            .sort("place")
            .unique("row", keep="first", maintain_order=True)
        )
        return (
            clicks.with_row_index("row")
            .join(found.select("row", *OWN_RULE_COLUMNS), on="row", how="left", maintain_order="left")
            .drop("row")
        )

    def _concerned(self, clicks: pl.DataFrame) -> pl.DataFrame:
        """The clicks of handles that have, or had, rules, with their `row`."""
        handles = self.rules["handle"].unique().implode()
        columns = ("row", "handle", "at", "client_address", "user_agent_id")
        return clicks.with_row_index("row").select(columns).filter(pl.col("handle").is_in(handles))

    def _by_address(self, clicks: pl.DataFrame) -> pl.DataFrame:
        suspects = self.networks.suspects(clicks["client_address"])
        held = [(address, number) for address in suspects for number in self.networks.owners(address)]
        found = pl.DataFrame(held, schema={"client_address": pl.String, "number": pl.Int64}, orient="row")
        return self._matches(clicks, found, "client_address")

    def _by_agent(self, clicks: pl.DataFrame, agents: pl.DataFrame) -> pl.DataFrame:
        """All texts are looked for in one pass through each distinct agent, ASCII case ignored."""
        texts = self.rules.drop_nulls("agent").select("number", text=pl.col("agent").str.to_lowercase())
        if texts.is_empty():
            return pl.DataFrame(schema=_MATCHES)
        distinct = clicks.select("user_agent_id").unique()
        asked = agents.join(distinct, on="user_agent_id", how="semi").unique("user_agent_id")
        contained = pl.col("user_agent").str.extract_many(
            texts["text"].unique().implode(), ascii_case_insensitive=True, overlapping=True
        )
        found = (
            asked.select("user_agent_id", text=contained)
            .explode("text")
            .with_columns(pl.col("text").str.to_lowercase())
            .unique()
            .join(texts, on="text")
        )
        return self._matches(clicks, found, "user_agent_id")

    def _matches(self, clicks: pl.DataFrame, found: pl.DataFrame, column: str) -> pl.DataFrame:
        """_MATCHES of clicks with the numbers of the rules of their handle that `found` has for their `column`."""
        of_handles = found.join(self.rules.select("number", "handle"), on="number")
        return clicks.join(of_handles, on=[column, "handle"]).select(list(_MATCHES))


def load_own_rules(database: Database) -> OwnRules:
    rule = tables.own_rules.c
    named = (rule.handle, rule.name, rule.purpose, rule.place, rule.valid_from, rule.valid_to, rule.network, rule.agent)
    with database.connect() as connection:
        rows = connection.execute(select(*named).order_by(rule.handle, rule.name, rule.valid_from)).all()
    rules = pl.DataFrame([(number, *row) for number, row in enumerate(rows)], schema=_RULES, orient="row")
    of_networks = rules.drop_nulls("network").select("network", "number")
    return OwnRules(rules, index_ranges((parse_range(text), number) for text, number in of_networks.iter_rows()))
