"""When a fact was learnt: the time at which the commit began that brought it, by which `asOf` tells what was known.

Of two commits to a table the later one says a later time, whatever the clock of its machine: the newest stamp of a
table stands as a transaction in its log. Nor does a commit say a time as of which there was an answer without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from deltalake import DeltaTable, Transaction

from analytics_core.store.clock import Clock
from analytics_core.store.database import Database
from analytics_core.store.horizon import Horizon

_NAME: Final = "learnt"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stamp:
    """When the rows of one commit were learnt. The commit is made while `horizon` is kept from it."""

    at: datetime
    horizon: Horizon

    def transaction(self) -> Transaction:
        return Transaction(_NAME, microseconds(self.at))


@dataclass(frozen=True, slots=True)
class Stamps:
    """Where stamps come from: one for a run."""

    clock: Clock
    horizon: Horizon

    def take(self, table: DeltaTable) -> Stamp:
        """The stamp of rows whose commit on top of `table` begins now. Every attempt takes a new one."""
        passed = [moment for moment in (newest_stamp(table), self.horizon.moment()) if moment is not None]
        return Stamp(max([self.clock(), *(moment + _MICROSECOND for moment in passed)]), self.horizon)


def stamps_of(clock: Clock, database: Database) -> Stamps:
    return Stamps(clock, Horizon(database))


def newest_stamp(table: DeltaTable) -> datetime | None:
    """The stamp of the newest rows of the version that `table` shows; None before the first."""
    newest = table.transaction_version(_NAME)
    return None if newest is None else _EPOCH + newest * _MICROSECOND


def microseconds(moment: datetime) -> int:
    """Since 1970: how a time stands as the version of a transaction."""
    return (moment - _EPOCH) // _MICROSECOND
