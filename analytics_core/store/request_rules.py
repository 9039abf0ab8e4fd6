"""Rules that tell a bot by its request, whatever its user agent says: in Polars for roll-ups, in SQL for questions."""

from __future__ import annotations

from typing import Final

import polars as pl

HEAD_RULE: Final = "method-head"  # a click with method HEAD: nobody sees a page by it
_HEAD: Final = "HEAD"


def request_rule() -> pl.Expr:
    """The rule that a click's request falls under, from its column `method`; null where it is like a person's."""
    return pl.when(pl.col("method") == _HEAD).then(pl.lit(HEAD_RULE))


def request_rule_sql(click: str) -> str:
    """The same in SQL; `click` is the name of the clicks in the statement."""
    return f"CASE WHEN {click}.method = '{_HEAD}' THEN '{HEAD_RULE}' END"
