"""Is this user agent a bot, and by which rule: isbot's patterns and the project's own over decoded agents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from ingest.classify.bot_list import CUT, BotList, Shape, bot_list

EMPTY_RULE: Final = "empty-user-agent"
_BROWSER: Final = "Mozilla/"


def bot_rules(decoded: pl.Series, bots: BotList | None = None) -> pl.Series:
    """The rule that makes each decoded agent a bot (`isbot:…`, `own:…`, `empty-user-agent`); null for a person."""
    bots = bots or bot_list()
    agent = pl.col("agent")
    is_empty = agent.str.strip_chars().is_in(["", "-"])
    agents = pl.DataFrame({"agent": decoded}).with_row_index("place")
    # Two quick passes leave the few that may be bots; which rule it was is asked of these alone.
    suspects = agents.filter(
        ~agent.str.starts_with(_BROWSER)
        | agent.str.contains_any(bots.words, ascii_case_insensitive=True)
        | agent.str.contains(bots.union)
    )
    empty = suspects.filter(is_empty).select("place", rule=pl.lit(EMPTY_RULE))
    named = suspects.filter(~is_empty).with_columns(agent=_without_model(bots))
    is_app = agent.str.contains(bots.apps)
    parts = ((named.filter(~is_app), bots), (named.filter(is_app), bots.of_apps()))
    ruled = [empty, *(_ruled(part, asked) for part, asked in parts if not part.is_empty())]
    return (agents.select("place").join(pl.concat(ruled), on="place", how="left", maintain_order="left")["rule"]).alias(
        "bot_rule"
    )


def _without_model(bots: BotList) -> pl.Expr:
    agent = pl.col("agent")
    for cut in bots.models:
        without = agent.str.replace_all(cut.regex, "${1}x${3}")
        if cut.kept is None:
            agent = without
        else:
            is_kept = agent.str.extract(cut.regex, 2).str.contains(cut.kept).fill_null(value=True)
            agent = pl.when(is_kept).then(agent).otherwise(without)
    return agent


def _ruled(suspects: pl.DataFrame, bots: BotList) -> pl.DataFrame:
    """`place` and `rule` of those that a rule hits: words first, then isbot's shapes, then the project's."""
    found: list[pl.DataFrame] = []
    steps = (
        _by_word(bots),
        _first((pl.col("agent").str.contains(regex), rule) for regex, rule in bots.regexes.items()),
        _first((_has_shape(shape), shape.rule) for shape in (*bots.shapes, *bots.products)),
    )
    for step in steps:
        asked = suspects.with_columns(rule=step)
        found.append(asked.filter(pl.col("rule").is_not_null()).select("place", "rule"))
        suspects = asked.filter(pl.col("rule").is_null()).drop("rule")
    return pl.concat(found)


def _by_word(bots: BotList) -> pl.Expr:
    agent = pl.col("agent")
    cut = agent.str.replace_all(bots.cut, CUT)
    literal = agent.str.extract_many(list(bots.literals), ascii_case_insensitive=True).list.first()
    return pl.coalesce(
        _first((cut.str.contains(pattern.regex), pattern.rule) for pattern in bots.sparing),
        literal.str.to_lowercase().replace_strict(bots.literals, default=None, return_dtype=pl.String),
    )


def _has_shape(shape: Shape) -> pl.Expr:
    agent = pl.col("agent")
    matches = agent.str.contains(shape.regex)
    return matches if shape.unless is None else matches & ~agent.str.contains(shape.unless)


def _first(rules: Iterable[tuple[pl.Expr, str]]) -> pl.Expr:
    return pl.coalesce(
        pl.lit(None, dtype=pl.String), *(pl.when(condition).then(pl.lit(rule)) for condition, rule in rules)
    )
