"""The horizon: the latest moment as of which anything was answered. What is learnt later must say a later time than
that, or the answer would not be given again: whatever the clocks say, and though a commit takes a moment.

An answer moves the horizon first, then reads. A commit is made under a lock that moving it waits for: it is there
before an answer as of its time or later is read, or it says a later time.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import select, update

from analytics_core.store import tables
from analytics_core.store.database import Database, insert_missing
from analytics_core.store.locks import alone, together

_NAME: Final = "as-of"
_WAIT_SECONDS: Final = 10  # for commits that are being sent; who is still waiting then is answered 503


class Horizon:
    """One for a process. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: datetime | None = None  # it is at least here

    def moment(self) -> datetime | None:
        """Where the horizon is; None before the first answer as of a moment."""
        with self._database.connect() as connection:
            return connection.execute(select(tables.as_of_horizon.c.moment)).scalar()

    def reach(self, moment: datetime) -> None:
        """Before an answer as of `moment` is read: what will say that time, or an earlier one, is in the lake then.

        Raises StoreUnavailableError when a commit does not end.
        """
        if self._known is not None and moment <= self._known:
            return
        horizon = tables.as_of_horizon
        with alone(self._database, _NAME, seconds=_WAIT_SECONDS), self._database.begin() as connection:
            insert_missing(connection, horizon, [{"id": 1, "moment": moment}])
            connection.execute(update(horizon).where(horizon.c.moment < moment).values(moment=moment))
        self._known = max(moment, self._known or moment)

    @contextmanager
    def kept_from(self, stamp: datetime) -> Generator[bool]:
        """Keeps the horizon from moving during a commit that says `stamp`; whether it is still before that time."""
        with together(self._database, _NAME, seconds=_WAIT_SECONDS):
            moment = self.moment()
            yield moment is None or moment < stamp
