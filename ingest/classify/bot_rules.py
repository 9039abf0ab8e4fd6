"""Is this user agent a bot, and by which rule: isbot's patterns and the project's own over decoded agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from ingest.classify.bot_list import CUT, BotList, Shape, bot_list

EMPTY_RULE: Final = "empty-user-agent"
_BROWSER: Final = "Mozilla/"


def bot_rules(decoded: pl.Series, bots: BotList | None = None) -> pl.Series:
    """The rule that makes each decoded agent a bot (`isbot:…`, `own:…`, `empty-user-agent`); null for a person."""
    bots = bots or bot_list()
    agent = pl.col("agent")
    agents = pl.DataFrame({"agent": decoded}).with_row_index("place")
    # Two quick passes leave the few that may be bots; which rule it was is asked of these alone. All prefixes are of
    # agents that do not begin as a browser does.
    suspects = agents.filter(~agent.str.starts_with(_BROWSER) | _may_be_bot(bots))
    is_empty, is_app = agent.str.strip_chars().is_in(["", "-"]), agent.str.contains(bots.apps)
    empty = suspects.filter(is_empty).select("place", rule=pl.lit(EMPTY_RULE))
    of_apps = bots.of_apps()
    parts = (
        (suspects.filter(~is_empty & ~is_app), bots),
        (suspects.filter(is_app).filter(_may_be_bot(of_apps)), of_apps),
    )
    ruled = [empty, *(_ruled(_without_models(part, bots), asked) for part, asked in parts if not part.is_empty())]
    found = agents.select("place").join(pl.concat(ruled), on="place", how="left", maintain_order="left")
    return found["rule"].alias("bot_rule")


def _may_be_bot(bots: BotList) -> pl.Expr:
    return pl.col("agent").str.contains(bots.any_word) | pl.col("agent").str.contains(bots.union)


def _without_models(suspects: pl.DataFrame, bots: BotList) -> pl.DataFrame:
    may_name_one = pl.col("agent").str.contains(bots.names_model)
    agent = pl.col("agent")
    for cut in bots.models:
        without = agent.str.replace_all(cut.regex, "${1}x${3}")
        if cut.kept is None:
            agent = without
        else:
            is_kept = agent.str.extract(cut.regex, 2).str.contains(cut.kept).fill_null(value=True)
            agent = pl.when(is_kept).then(agent).otherwise(without)
    return pl.concat([suspects.filter(~may_name_one), suspects.filter(may_name_one).with_columns(agent=agent)])


def _ruled(suspects: pl.DataFrame, bots: BotList) -> pl.DataFrame:
    """`place` and `rule` of those that a rule hits: words first, then isbot's shapes, then the project's."""
    found: list[pl.DataFrame] = []
    agent = pl.col("agent")
    suspects = suspects.with_columns(cut=agent.str.replace_all(bots.cut, CUT))
    steps = [
        _first((pl.col("cut").str.contains(pattern.regex), pattern.rule) for pattern in bots.sparing),
        _looked_up(
            agent.str.extract_many(list(bots.literals), ascii_case_insensitive=True).list.first(), bots.literals
        ),
        _looked_up(agent.str.extract(bots.prefix), bots.prefixes),
        _first((agent.str.contains(regex), rule) for regex, rule in bots.regexes.items()),
        _first((_has_shape(shape), shape.rule) for shape in (*bots.shapes, *bots.products)),
    ]
    for step in steps:
        asked = suspects.with_columns(rule=step)
        found.append(asked.filter(pl.col("rule").is_not_null()).select("place", "rule"))
        suspects = asked.filter(pl.col("rule").is_null()).drop("rule")
    return pl.concat(found)


def _looked_up(text: pl.Expr, rules: Mapping[str, str]) -> pl.Expr:
    return text.str.to_lowercase().replace_strict(rules, default=None, return_dtype=pl.String)


def _has_shape(shape: Shape) -> pl.Expr:
    agent = pl.col("agent")
    matches = agent.str.contains(shape.regex)
    return matches if shape.unless is None else matches & ~agent.str.contains(shape.unless)


def _first(rules: Iterable[tuple[pl.Expr, str]]) -> pl.Expr:
    return pl.coalesce(
        pl.lit(None, dtype=pl.String), *(pl.when(condition).then(pl.lit(rule)) for condition, rule in rules)
    )
