"""Which clicks one version of the lists judges by another rule than another version: asked before it is taken into use.

Nothing is written. A click's rule is found as the roll-ups find it: that of its agent, or of its request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from analytics_core.errors import ListVersionError
from analytics_core.model import PERSON
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import CLICK_COUNTS, CLICKS, USER_AGENTS, VERDICTS
from analytics_core.store.list_versions import held_versions, version_in_force
from analytics_core.store.parts import row_count
from analytics_core.store.request_rules import bot_rule, request_columns
from ingest.classify import LIST_VERSION
from ingest.classify.bot_rules import bot_rules

INSTALLED: Final = "installed"
CURRENT: Final = "current"
NOT_JUDGED: Final = "(not judged)"  # the version has no verdict on the agent, which came before or after its time
MOVES: Final = ("person to bot", "bot to person", "other rule", "not judged")
_MOVED: Final = ("handle", "before", "after", "clicks", "move")
_OF_REQUEST: Final = sorted(request_columns())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of `clicks` in the lake, those that the version `new` judges by another rule than `old`.

    `moved`: `handle`, `before` and `after` (a rule, PERSON or `(not judged)`), `clicks`, `move` (one of MOVES), one
    row for each handle and pair of rules, most clicks first.
    """

    old: str
    new: str
    clicks: int
    moved: pl.DataFrame

    def totals(self) -> dict[str, int]:
        """The clicks of each of MOVES."""
        clicks = dict(self.moved.group_by("move").agg(pl.col("clicks").sum()).rows())
        return {move: clicks.get(move, 0) for move in MOVES}


def compare(lake: Lake, old: str, new: str) -> Comparison:
    """`old` and `new`: a version that the lake holds by its name or how that alone begins, `installed` or `current`.

    One file of agents is judged at a time, and clicks flow past: the memory grows with distinct agents alone. Raises
    ListVersionError for another name, and for a lake without clicks.
    """
    if not all(lake.has_table(spec) for spec in (CLICKS, CLICK_COUNTS, USER_AGENTS, VERDICTS)):
        raise _nothing_to_compare(lake)
    clicks = lake.open(CLICKS)
    held = row_count(clicks)
    if not held:
        raise _nothing_to_compare(lake)
    old_version, new_version = (_version_of(lake, word) for word in (old, new))
    agents = _judged_otherwise(_rules(lake, old, old_version), _rules(lake, new, new_version))
    return Comparison(old_version, new_version, held, _moved(lake.scan(clicks, CLICKS), agents))


def _nothing_to_compare(lake: Lake) -> ListVersionError:
    return ListVersionError(f"The lake {lake.url} holds no clicks that lists could judge; run clickledger sync first.")


def _version_of(lake: Lake, word: str) -> str:
    if word == INSTALLED:
        return LIST_VERSION
    if word == CURRENT:
        said = lake.derivation(lake.open(CLICK_COUNTS))
        return version_in_force(lake, None if said is None else said["list_version"])
    held = held_versions(lake)
    found = [version for version in held if version == word] or [one for one in held if word and one.startswith(word)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(held)
    if found:
        raise ListVersionError(
            f"A list version must be named so that it is the only one; {word!r} is the beginning of {', '.join(found)}."
        )
    raise ListVersionError(
        f"A list version must be {INSTALLED} ({LIST_VERSION}), {CURRENT}, or one that the lake holds ({there}); "
        f"got {word!r}."
    )


def _rules(lake: Lake, word: str, version: str) -> pl.DataFrame:
    """`user_agent_id` and `rule` of each agent on which the version has a verdict."""
    if word == INSTALLED:
        table = lake.open(USER_AGENTS)
        judged = [_judge(lake.scan(table, USER_AGENTS, [path])) for path in files_of(table)]
        rules = pl.concat([pl.DataFrame(schema={"user_agent_id": pl.Int64, "rule": pl.String}), *judged])
    else:
        table = lake.open(VERDICTS)
        paths = files_of(table, [("list_version", "=", version)])
        rules = lake.scan(table, VERDICTS, paths).select("user_agent_id", rule="bot_rule").collect()
    return rules.unique("user_agent_id", keep="first").with_columns(pl.col("rule").fill_null(PERSON))


def _judge(agents: pl.LazyFrame) -> pl.DataFrame:
    known = agents.select("user_agent_id", "user_agent").collect()
    return known.select("user_agent_id", bot_rules(known["user_agent"]).alias("rule"))


def _judged_otherwise(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """`user_agent_id`, `before` and `after` of the agents on which the versions differ."""
    both = before.rename({"rule": "before"}).join(
        after.rename({"rule": "after"}), on="user_agent_id", how="full", coalesce=True
    )
    filled = both.with_columns(pl.col("before", "after").fill_null(NOT_JUDGED))
    return filled.filter(pl.col("before") != pl.col("after"))


def _moved(clicks: pl.LazyFrame, agents: pl.DataFrame) -> pl.DataFrame:
    is_bot = {name: ~pl.col(name).is_in([PERSON, NOT_JUDGED]) for name in ("before", "after")}
    kinds = (
        pl.when(pl.col("before").eq(NOT_JUDGED) | pl.col("after").eq(NOT_JUDGED)).then(pl.lit("not judged")),
        pl.when(pl.col("before") == PERSON).then(pl.lit("person to bot")),
        pl.when(pl.col("after") == PERSON).then(pl.lit("bot to person")),
        pl.lit("other rule"),
    )
    return (
        clicks.select("handle", "user_agent_id", *_OF_REQUEST)
        .join(agents.lazy(), on="user_agent_id")
        .with_columns(
            pl.coalesce(bot_rule(pl.when(of_agent).then(name)), name).alias(name) for name, of_agent in is_bot.items()
        )
        .filter(pl.col("before") != pl.col("after"))
        .group_by("handle", "before", "after")
        .agg(clicks=pl.len().cast(pl.Int64))
        .with_columns(move=pl.coalesce(kinds))
        .select(_MOVED)
        .sort("clicks", "handle", "before", "after", descending=[True, False, False, False])
        .collect(engine="streaming")
    )
