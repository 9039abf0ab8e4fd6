"""How posts of conversions ended, per handle and UTC day. Reading only."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select

from analytics_core.store import tables
from analytics_core.store.database import Database


class Outcomes:
    """The counted outcomes. Every call reads the current state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def posts(self, handle: str, from_day: date, to_day: date) -> dict[str, int]:
        """Posts by outcome, on days of the range (both inclusive); outcomes that no post had are left out."""
        kept = tables.conversion_outcomes
        with self._database.connect() as connection:
            rows = connection.execute(
                select(kept.c.outcome, func.sum(kept.c.posts))
                .where(kept.c.handle == handle, kept.c.day.between(from_day, to_day))
                .group_by(kept.c.outcome)
            )
            return {outcome: int(posts) for outcome, posts in rows}

    def not_carried(self, handle: str, from_day: date, to_day: date) -> int:
        """Accepted conversions of these UTC days that the next sync brings into the lake."""
        kept = tables.conversions
        start, end = (datetime.combine(day, time(), UTC) for day in (from_day, to_day + timedelta(days=1)))
        # An expression: SQLite would rather read every key of the handle than the index of the few rows that wait.
        of_handle = kept.c.handle.concat("") == handle
        with self._database.connect() as connection:
            return connection.execute(
                select(func.count()).where(~kept.c.carried, of_handle, kept.c.at >= start, kept.c.at < end)
            ).scalar_one()
