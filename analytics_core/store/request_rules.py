"""Rules that tell a bot by its request, whatever its user agent says: in Polars for roll-ups, in SQL for questions.

Each is a row of REQUEST_RULES. Where an agent is a bot's, its own rule goes before these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl


@dataclass(frozen=True, slots=True)
class RequestRule:
    """`name` is the rule of clicks whose `column` is one of `values`; `purpose` is what such bots come for."""

    name: str
    column: str
    values: tuple[str, ...]
    purpose: str


# The first that matches counts.
REQUEST_RULES: Final = (
    RequestRule("method-head", "method", ("HEAD",), "other"),  # nobody sees a page by it
    RequestRule("prefetch", "purpose", ("prefetch", "prerender"), "prefetch"),  # fetched ahead: nobody has seen it yet
)


def request_rule() -> pl.Expr:
    """The rule that a click's request falls under, from its columns; null where it is like a person's."""
    return pl.coalesce(
        pl.when(pl.col(rule.column).is_in(rule.values)).then(pl.lit(rule.name)) for rule in REQUEST_RULES
    )


def request_purpose() -> pl.Expr:
    """What the bot comes for that `request_rule` tells; null where it tells none."""
    purposes = {rule.name: rule.purpose for rule in REQUEST_RULES}
    return request_rule().replace_strict(purposes, default=None, return_dtype=pl.String)


def request_rule_sql(click: str) -> str:
    """The rule in SQL; `click` is the name of the clicks in the statement."""
    return _case(click, {rule.name: rule.name for rule in REQUEST_RULES})


def request_purpose_sql(click: str) -> str:
    """The purpose in SQL; `click` is the name of the clicks in the statement."""
    return _case(click, {rule.name: rule.purpose for rule in REQUEST_RULES})


def _case(click: str, answers: dict[str, str]) -> str:
    cases = (
        f"WHEN {click}.{rule.column} IN ({', '.join(map(repr, rule.values))}) THEN '{answers[rule.name]}'"
        for rule in REQUEST_RULES
    )
    return f"CASE {' '.join(cases)} END"
