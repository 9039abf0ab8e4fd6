"""Whom a rule that is off would take for a bot: `python -m ingest.classify.trial RULE LAKE`.

Asks the clicks of a lake (a folder or `s3://…`) that are people's now, and prints how many of them the rule would move,
how many of those are surely people's, and the agents of most clicks. Nothing is written. The rules are those of
own_rules.toml and of REQUEST_RULES that are off, and BEHAVIOURS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import polars as pl

from analytics_core.errors import ClickledgerError, StoreUnavailableError
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICKS, USER_AGENTS
from analytics_core.store.request_rules import REQUEST_RULES, RequestRule, filled, is_bots_request
from ingest.classify.behaviour import BEHAVIOURS
from ingest.classify.bot_list import compile_bot_list, own_rules
from ingest.classify.bot_rules import bot_rules
from ingest.classify.list_files import read_json

Moves = Callable[[pl.LazyFrame, pl.DataFrame], pl.LazyFrame]

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Trial:
    """Clicks of people, and `moved`, a row each rule, agent and visitor of those that would be bots': `rule`, `agent`
    (null: the log carried none), `visitor` (null: the log carried no address), `clicks` and `is_customer` (the visitor
    has converted)."""

    clicks: int
    moved: pl.DataFrame


def main(arguments: Sequence[str]) -> int:
    rules = rules_off()
    if len(arguments) != 2 or arguments[0] not in rules:
        sys.stderr.write(
            "Usage: python -m ingest.classify.trial RULE LAKE. LAKE is a folder, such as var/lake, or an s3:// prefix; "
            f"rules that are off: {', '.join(rules)}.\n"
        )
        return 2
    rule, url = arguments
    try:
        found = trial(Lake(url), rules[rule])
    except ClickledgerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(report(rule, found))
    return 0


def rules_off() -> dict[str, Moves]:
    """What each rule that is off would move: from all clicks of people's agents, and these agents (`user_agent_id`,
    `agent`), the clicks that it tells, with `rule`."""
    requests = {rule.name.partition(":")[0]: partial(_of_request, rule) for rule in REQUEST_RULES if rule.off}
    agents = {rule["name"]: partial(_of_agent, rule["name"]) for rule in own_rules() if rule.get("off")}
    return {**agents, **requests, **{name: partial(_of_behaviour, name) for name in BEHAVIOURS}}


def trial(lake: Lake, moves: Moves) -> Trial:
    """Raises StoreUnavailableError where no lake is."""
    if not lake.has_table(CLICKS):
        raise StoreUnavailableError(f"LAKE must be a folder or an s3:// prefix that holds a lake; got {lake.url!r}.")
    lake.check()
    agents = lake.scan(lake.open(USER_AGENTS), USER_AGENTS).unique("user_agent_id")
    known = agents.select("user_agent_id", agent="user_agent").collect()
    is_person = bot_rules(known["agent"]).is_null()
    bots, people = known.filter(~is_person), known.filter(is_person)
    clicks = lake.scan(lake.open(CLICKS), CLICKS).join(bots.lazy(), on="user_agent_id", how="anti")
    moved = (
        moves(clicks, people)
        .filter(~is_bots_request())
        .group_by("rule", "user_agent_id", "visitor")
        .agg(clicks=pl.len())
        .join(known.lazy(), on="user_agent_id", how="left")
        .with_columns(is_customer=pl.col("visitor").is_in(_customers(lake).implode()).fill_null(value=False))
        .select("rule", "agent", "visitor", "clicks", "is_customer")
    )
    of_people = clicks.filter(~is_bots_request()).select(pl.len()).collect(engine="streaming").item()
    return Trial(of_people, moved.collect(engine="streaming"))


def report(rule: str, found: Trial) -> str:
    clicks = int(found.moved["clicks"].sum())
    of_customers = int(found.moved.filter("is_customer")["clicks"].sum())
    told = (
        f"{rule} would take {clicks:,} of {found.clicks:,} clicks of people for bots' "
        f"(agents: {found.moved['agent'].n_unique():,}, visitors: {found.moved['visitor'].drop_nulls().n_unique():,}; "
        f"clicks of visitors who converted: {of_customers:,}).\n"
    )
    by_agent = found.moved.group_by("rule", "agent").agg(pl.col("clicks").sum())
    most = by_agent.sort("clicks", "rule", "agent", descending=[True, False, False]).head(_SHOWN)
    return told + "".join(f"{clicks:,}\t{name}\t{agent!r}\n" for name, agent, clicks in most.rows())


def moved_by(rule: str, people: pl.DataFrame) -> pl.DataFrame:
    """The rows of `people` (with `agent`) that are bots once the own rule is switched on, with their `rule`."""
    told = bot_rules(people["agent"], compile_bot_list(read_json("isbot.json"), [rule]))
    return people.with_columns(rule=told).drop_nulls("rule")


def _of_agent(rule: str, clicks: pl.LazyFrame, agents: pl.DataFrame) -> pl.LazyFrame:
    return clicks.join(moved_by(rule, agents).select("user_agent_id", "rule").lazy(), on="user_agent_id")


def _of_behaviour(name: str, clicks: pl.LazyFrame, _: pl.DataFrame) -> pl.LazyFrame:
    return BEHAVIOURS[name](clicks).with_columns(rule=pl.lit(name))


def _of_request(rule: RequestRule, clicks: pl.LazyFrame, _: pl.DataFrame) -> pl.LazyFrame:
    return clicks.filter(rule.matches()).with_columns(rule=filled(rule.name))


def _customers(lake: Lake) -> pl.Series:
    """The visitors who have converted."""
    if not lake.has_table(ATTRIBUTIONS):
        return pl.Series(dtype=pl.Int64)
    followed = lake.scan(lake.open(ATTRIBUTIONS), ATTRIBUTIONS).drop_nulls("visitor")
    converted = followed.group_by("visitor").agg(pl.col("conversions").sum()).filter(pl.col("conversions") > 0)
    return converted.select("visitor").collect(engine="streaming")["visitor"]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
