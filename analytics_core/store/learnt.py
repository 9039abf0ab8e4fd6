"""When a fact was learnt: the time at which the commit began that brought it, by which `asOf` tells what was known.

A commit that begins later never says an earlier time, whatever the clocks of its machine: the newest stamp of a table
stands as a transaction in its log.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from deltalake import DeltaTable, Transaction

Clock = Callable[[], datetime]

_NAME: Final = "learnt"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def learnt_now(table: DeltaTable, clock: Clock) -> datetime:
    """The stamp of rows whose commit on top of `table` begins now. Every attempt takes a new one."""
    newest = table.transaction_version(_NAME)
    return clock() if newest is None else max(clock(), _EPOCH + newest * _MICROSECOND)


def learnt_transaction(stamp: datetime) -> Transaction:
    return Transaction(_NAME, microseconds(stamp))


def microseconds(moment: datetime) -> int:
    """Since 1970: how a time stands as the version of a transaction."""
    return (moment - _EPOCH) // _MICROSECOND
