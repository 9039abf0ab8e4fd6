"""Is this user agent a bot, and by which rule: isbot's patterns and the project's own over decoded agents."""

from __future__ import annotations

from typing import Final

import polars as pl

from ingest.classify.bot_list import CUT, BotList, bot_list

EMPTY_RULE: Final = "empty-user-agent"


def bot_rules(decoded: pl.Series, bots: BotList | None = None) -> pl.Series:
    """The rule that makes each decoded agent a bot (`isbot:…`, `own:…`, `empty-user-agent`); null for a person."""
    bots = bots or bot_list()
    agent = pl.col("agent")
    is_empty = agent.str.strip_chars().is_in(["", "-"])
    agents = pl.DataFrame({"agent": decoded}).with_row_index("place")
    # Two quick passes leave the few that may be bots; which rule it was is asked of these alone.
    suspects = agents.filter(
        is_empty | agent.str.contains_any(bots.words, ascii_case_insensitive=True) | agent.str.contains(bots.union)
    )
    by_word = suspects.with_columns(cut=agent.str.replace_all(bots.cut, CUT)).with_columns(
        rule=pl.coalesce(
            pl.when(is_empty).then(pl.lit(EMPTY_RULE)),
            *(
                pl.when(pl.col("cut").str.contains(pattern.regex)).then(pl.lit(pattern.rule))
                for pattern in bots.sparing
            ),
            _first_literal(agent, bots),
        )
    )
    by_regex = by_word.filter(pl.col("rule").is_null()).with_columns(
        rule=pl.coalesce(
            pl.lit(None, dtype=pl.String),
            *(pl.when(agent.str.contains(regex)).then(pl.lit(rule)) for regex, rule in bots.regexes.items()),
        )
    )
    ruled = pl.concat([by_word.filter(pl.col("rule").is_not_null()), by_regex]).select("place", "rule")
    return agents.select("place").join(ruled, on="place", how="left", maintain_order="left")["rule"].alias("bot_rule")


def _first_literal(agent: pl.Expr, bots: BotList) -> pl.Expr:
    found = agent.str.extract_many(list(bots.literals), ascii_case_insensitive=True).list.first()
    return found.str.to_lowercase().replace_strict(bots.literals, default=None, return_dtype=pl.String)
