"""How posts of conversions ended, per handle and UTC day, and what no handle sees of them. Reading only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Select, func, select

from analytics_core.store import tables
from analytics_core.store.conversion_ledger import UNKNOWN_HANDLE
from analytics_core.store.database import Database
from analytics_core.store.ids import first_id


@dataclass(frozen=True, slots=True)
class StrayPosts:
    """Posts of one UTC day that belong to no handle: of conversions by outcome, and signals of handles that are not
    there."""

    day: date
    conversions: Mapping[str, int]
    signals: int = 0


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

    def strays(self, from_day: date, to_day: date) -> tuple[StrayPosts, ...]:
        """Posts that no handle sees, on days of the range (both inclusive) that have any, oldest first."""
        kept = tables.conversion_outcomes
        conversions: dict[date, dict[str, int]] = {}
        with self._database.connect() as connection:
            rows = connection.execute(
                select(kept.c.day, kept.c.outcome, kept.c.posts)
                .where(kept.c.handle == UNKNOWN_HANDLE, kept.c.day.between(from_day, to_day))
                .order_by(kept.c.day, kept.c.outcome)
            )
            for day, outcome, posts in rows:
                conversions.setdefault(day, {})[outcome] = posts
            days = [from_day + timedelta(days=offset) for offset in range((to_day - from_day).days + 1)]
            signals = {day: connection.execute(_signals_aside(day)).scalar_one() for day in days}
        found = (StrayPosts(day, conversions.get(day, {}), signals[day]) for day in days)
        return tuple(one for one in found if one.conversions or one.signals)

    def not_carried(self, handle: str, from_day: date, to_day: date) -> int:
        """Accepted conversions of these UTC days that the next sync brings into the lake."""
        kept = tables.conversions
        start, end = _midnight(from_day), _midnight(to_day + timedelta(days=1))
        # An expression: SQLite would rather read every key of the handle than the index of the few rows that wait.
        of_handle = kept.c.handle.concat("") == handle
        with self._database.connect() as connection:
            return connection.execute(
                select(func.count()).where(~kept.c.carried, of_handle, kept.c.at >= start, kept.c.at < end)
            ).scalar_one()


def _signals_aside(day: date) -> Select[int]:
    """Found by their ids, which begin with their time: there is no other order in which days lie together."""
    signal, handle = tables.signals.c, tables.handles.c.handle
    of_day = (signal.signal_id >= first_id(_midnight(day))) & (
        signal.signal_id < first_id(_midnight(day + timedelta(days=1)))
    )
    return select(func.count()).where(of_day, signal.click_id.is_(None), signal.handle.not_in(select(handle)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
