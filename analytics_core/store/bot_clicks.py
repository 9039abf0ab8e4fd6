"""Which clicks count as a bot's: those that a rule takes for one, but for those whose purpose their handle counts.

In Polars for roll-ups, in SQL for questions. A click that an own rule names counts as a bot's in any case.
"""

from __future__ import annotations

import polars as pl


def is_bot_click() -> pl.Expr:
    """Of judged clicks, with the column `bot_purpose`; never null."""
    is_counted = pl.col("counted_purposes").str.contains(pl.col("bot_purpose"), literal=True)
    return pl.col("bot_rule").is_not_null() & ~(is_counted.fill_null(value=False) & pl.col("own_rule").is_null())


def is_bot_click_sql(click: str, rule: str, purpose: str) -> str:
    """The same in SQL. `click` is the name of the clicks in the statement; `rule` and `purpose` are the expressions of
    a click's rule (null: a person's) and of what its bot comes for."""
    is_counted = f"coalesce(contains({click}.counted_purposes, {purpose}), FALSE) AND {click}.own_rule IS NULL"
    return f"{rule} IS NOT NULL AND NOT ({is_counted})"
