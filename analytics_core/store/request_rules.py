"""Rules that tell a bot by its request, whatever its user agent says: in Polars for roll-ups, in SQL for questions.

Each is a row of REQUEST_RULES. Where an agent is a bot's, its own rule goes before these, but for `over_agents`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter
from typing import Final

import polars as pl

NO_VALUE: Final = "none"  # of a column that was logged and says nothing


@dataclass(frozen=True, slots=True)
class RequestRule:
    """`name` is the rule of clicks whose `column` is one of `values`, or any value but NO_VALUE where `values` is
    empty; `bot_purpose` is what such bots come for. Columns in braces in these two stand for their values.
    `over_agents`: it also decides where the agent is a bot's. `off`: it decides nothing, and can be tried
    (`python -m ingest.classify.trial`)."""

    name: str
    column: str
    bot_purpose: str
    values: tuple[str, ...] = ()
    over_agents: bool = False
    off: bool = False

    def matches(self) -> pl.Expr:
        """False also where the column is null."""
        column = pl.col(self.column)
        found = column.is_in(self.values) if self.values else column != NO_VALUE
        return found.fill_null(value=False)

    def matches_sql(self, click: str) -> str:
        if not self.values:
            return f"{click}.{self.column} <> {_literal(NO_VALUE)}"
        return f"{click}.{self.column} IN ({', '.join(map(_literal, self.values))})"


# The first in force that matches counts.
REQUEST_RULES: Final = (
    # By a rule that the handle made for its own clicks.
    RequestRule("handle:{own_rule}", "own_rule", "{own_rule_purpose}", over_agents=True),
    # Called by the name of a crawler, from where its operator has none: what it says it comes for is no more true.
    RequestRule("claimed:{claimed}", "claimed", "other", over_agents=True),
    # From a range that an operator publishes for its crawlers, agents or previewers.
    RequestRule("network:{network}", "network", "{network_purpose}"),
    # From a network of a company that checks the links in mail.
    RequestRule("asn:{asn_owner}", "asn_kind", "scanner", ("scanner",)),
    RequestRule("method-head", "method", "other", ("HEAD",)),  # nobody sees a page by it
    RequestRule("prefetch", "purpose", "prefetch", ("prefetch", "prerender")),  # fetched ahead: nobody has seen it yet
    # From where anybody rents computers. Bots run there, and so do the VPNs of people.
    RequestRule("data-centre:{asn_owner}", "asn_kind", "other", ("data-centre",), off=True),
)
_IN_FORCE: Final = tuple(rule for rule in REQUEST_RULES if not rule.off)


def request_columns() -> set[str]:
    """The columns of a click that the rules in force ask."""
    return {*bot_rule(pl.lit(None)).meta.root_names(), *bot_purpose(pl.lit(None), pl.lit(None)).meta.root_names()}


def is_bots_request() -> pl.Expr:
    """Whether a click's request falls under any rule in force; never null."""
    return pl.any_horizontal(rule.matches() for rule in _IN_FORCE)


def bot_rule(of_agent: pl.Expr) -> pl.Expr:
    """The rule by which a click is a bot's, from its columns and the rule `of_agent`; null where it is a person's."""
    over, others = _answers("name")
    return pl.coalesce(_case(over), of_agent, _case(others))


def bot_purpose(of_agent: pl.Expr, purpose: pl.Expr) -> pl.Expr:
    """What the bot comes for that `bot_rule` tells. `purpose` is what the verdict on the agent says."""
    over, others = _answers("bot_purpose")
    return pl.coalesce(_case(over), pl.when(of_agent.is_not_null()).then(purpose), _case(others), purpose)


def bot_rule_sql(click: str, of_agent: str) -> str:
    """The rule in SQL; `click` is the name of the clicks in the statement."""
    over, others = _answers("name")
    return f"coalesce({_case_sql(click, over)}, {of_agent}, {_case_sql(click, others)})"


def bot_purpose_sql(click: str, of_agent: str, purpose: str) -> str:
    """The purpose in SQL; `click` is the name of the clicks in the statement."""
    over, others = _answers("bot_purpose")
    of_bot = f"CASE WHEN {of_agent} IS NOT NULL THEN {purpose} END"
    return f"coalesce({_case_sql(click, over)}, {of_bot}, {_case_sql(click, others)}, {purpose})"


def _answers(part: str) -> tuple[dict[RequestRule, str], dict[RequestRule, str]]:
    """That part of the rules over agents, and of the others."""
    over = {rule: getattr(rule, part) for rule in _IN_FORCE if rule.over_agents}
    return over, {rule: getattr(rule, part) for rule in _IN_FORCE if not rule.over_agents}


def _case(answers: dict[RequestRule, str]) -> pl.Expr:
    told: pl.Expr = pl.lit(None, dtype=pl.String)
    for rule, answer in reversed(answers.items()):
        told = pl.when(rule.matches()).then(filled(answer)).otherwise(told)
    return told


def _case_sql(click: str, answers: dict[RequestRule, str]) -> str:
    cases = (f"WHEN {rule.matches_sql(click)} THEN {_filled_sql(answer, click)}" for rule, answer in answers.items())
    return f"CASE {' '.join(cases)} END"


def filled(template: str) -> pl.Expr:
    """The text of a rule's name or purpose, with the values of a click's columns."""
    parts = [pl.col(part) if is_column else pl.lit(part) for part, is_column in _parts(template)]
    return pl.concat_str(parts) if len(parts) > 1 else parts[0]


def _filled_sql(template: str, click: str) -> str:
    return " || ".join(f"{click}.{part}" if is_column else _literal(part) for part, is_column in _parts(template))


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def _parts(template: str) -> Iterator[tuple[str, bool]]:
    """The parts of a template in order, and whether each is a column."""
    for text, column, _, _ in Formatter().parse(template):
        if text:
            yield text, False
        if column:
            yield column, True
