"""Counted purposes: which bots' clicks a handle counts as qualified, by what the bots come for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
from sqlalchemy import select

from analytics_core.store import tables
from analytics_core.store.database import Database
from analytics_core.store.lake_tables import UTC_MICROSECONDS

_CHOICES: Final = {
    "handle": pl.String,
    "valid_from": UTC_MICROSECONDS,
    "valid_to": UTC_MICROSECONDS,
    "counted_purposes": pl.String,
}


@dataclass(frozen=True, slots=True)
class CountedPurposes:
    """What handles chose over time: `choices` as in _CHOICES."""

    choices: pl.DataFrame

    def stamp(self, clicks: pl.DataFrame) -> pl.DataFrame:
        """Adds `counted_purposes`: the choice of the handle in force when each click happened; null where none was."""
        concerned = clicks.with_row_index("row").select("row", "handle", "at")
        concerned = concerned.filter(pl.col("handle").is_in(self.choices["handle"].unique().implode()))
        if concerned.is_empty():
            return clicks.with_columns(counted_purposes=pl.lit(None, dtype=pl.String))
        found = concerned.sort("at").join_asof(
            self.choices.sort("valid_from"), left_on="at", right_on="valid_from", by="handle", check_sortedness=False
        )
        in_force = found.filter(pl.col("valid_to").is_null() | (pl.col("at") < pl.col("valid_to")))
        return (
            clicks.with_row_index("row")
            .join(in_force.select("row", "counted_purposes"), on="row", how="left", maintain_order="left")
            .drop("row")
        )


def load_counted_purposes(database: Database) -> CountedPurposes:
    choice = tables.counted_purposes.c
    with database.connect() as connection:
        rows = connection.execute(select(choice.handle, choice.valid_from, choice.valid_to, choice.purposes)).all()
    return CountedPurposes(pl.DataFrame([tuple(row) for row in rows], schema=_CHOICES, orient="row"))
