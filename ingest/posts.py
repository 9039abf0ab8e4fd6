"""Carries accepted conversions and signals from the database into the lake, each exactly once.

A row is marked as carried after the lake holds it; one that a crash left unmarked is found in the lake by its id.
Posts go on arriving meanwhile: what waits at the beginning is carried, the rest is the next run's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import polars_hash as plh
from sqlalchemy import RowMapping, Table, func, select, update

from analytics_core.store import tables
from analytics_core.store.commit_time import Stamps
from analytics_core.store.database import Database
from analytics_core.store.driver_errors import CommitConflictError
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import CONVERSIONS, MONEY, SIGNALS, UTC_MICROSECONDS, TableSpec
from ingest.clicks.keyed_hashes import keyed_hash
from ingest.clicks.user_agents import stable_hash

_ROWS_AT_A_TIME: Final = 20_000
_KEYS_A_STATEMENT: Final = 500
_READ: Final = {"at": UTC_MICROSECONDS, "clicked_at": UTC_MICROSECONDS, "confidence": pl.Float64, "value_e4": pl.Int64}


@dataclass(frozen=True, slots=True)
class _Ledger:
    """A table of the database and the table of the lake that its rows end in."""

    table: Table
    spec: TableSpec
    identity: str


_LEDGERS: Final = (
    _Ledger(tables.conversions, CONVERSIONS, "conversion_id"),
    _Ledger(tables.signals, SIGNALS, "signal_id"),
)


def carry(lake: Lake, database: Database, stamps: Stamps, secret: str) -> int:
    """Carries what was accepted before and is not in the lake yet; how many rows were marked. `secret` is the key of
    hashes."""
    return sum(_carry(ledger, lake, database, stamps, secret) for ledger in _LEDGERS)


def _carry(ledger: _Ledger, lake: Lake, database: Database, stamps: Stamps, secret: str) -> int:
    carried = 0
    for rows in _waiting(ledger, database):
        _append_missing(ledger, lake, _facts(ledger, rows, secret), stamps)
        _mark(ledger, database, [row[ledger.identity] for row in rows])
        carried += len(rows)
    return carried


def _waiting(ledger: _Ledger, database: Database) -> Iterator[Sequence[RowMapping]]:
    """What waits now, _ROWS_AT_A_TIME rows at a time, upwards by identity.

    An identity begins with its time, but the clocks of web processes differ: what arrives meanwhile may have one below
    the greatest that waits now. Nothing is gone back for, so that there is an end.
    """
    reached, last = "", _last_waiting(ledger, database)
    while last is not None:
        rows = _rows(ledger, database, reached, last)
        if rows:
            yield rows
        if len(rows) < _ROWS_AT_A_TIME:
            return
        reached = rows[-1][ledger.identity]


def _last_waiting(ledger: _Ledger, database: Database) -> str | None:
    greatest = func.max(ledger.table.c[ledger.identity])
    with database.connect() as connection:
        return connection.execute(select(greatest).where(~ledger.table.c.carried)).scalar()


def _rows(ledger: _Ledger, database: Database, reached: str, last: str) -> Sequence[RowMapping]:
    """The next rows that wait after the identity `reached`, up to `last`."""
    wanted = {*ledger.spec.columns, "click_id", "value_e4", "idempotency_key"}
    columns = [column for column in ledger.table.c if column.name in wanted]
    identity = ledger.table.c[ledger.identity]
    waiting = select(*columns).where(~ledger.table.c.carried, identity > reached, identity <= last)
    with database.connect() as connection:
        return connection.execute(waiting.order_by(identity).limit(_ROWS_AT_A_TIME)).mappings().all()


def _facts(ledger: _Ledger, rows: Sequence[RowMapping], secret: str) -> pl.DataFrame:
    """Rows of the lake's table, but for when they were learnt: that is when they are committed."""
    kinds = {name: _READ.get(name, pl.String) for name in rows[0]}
    facts = pl.DataFrame(rows, schema=kinds).with_columns(
        day=pl.col("at").dt.date(),
        click_event_id=stable_hash("click_id"),
    )
    if "value_e4" in kinds:
        facts = facts.with_columns(
            value=pl.col("value_e4").cast(MONEY) / pl.lit(10_000),
            key_hash=keyed_hash(plh.col("idempotency_key"), secret),
        )
    return facts.select(pl.col(name).cast(kind) for name, kind in ledger.spec.columns.items() if name != "learnt_at")


def _append_missing(ledger: _Ledger, lake: Lake, facts: pl.DataFrame, stamps: Stamps) -> None:
    days = [day.isoformat() for day in facts["day"].unique().to_list()]
    while True:
        table = lake.open(ledger.spec)
        files = files_of(table, [("day", "in", days)])
        held = lake.scan(table, ledger.spec, files).select(ledger.identity).collect()
        missing = facts.join(held, on=ledger.identity, how="anti").sort("day", "handle", "at")
        if missing.is_empty():
            return
        try:
            lake.append(table, ledger.spec, missing, learnt=stamps.take(table))
        except CommitConflictError:
            continue
        return


def _mark(ledger: _Ledger, database: Database, identities: Sequence[str]) -> None:
    column = ledger.table.c[ledger.identity]
    with database.begin() as connection:
        for start in range(0, len(identities), _KEYS_A_STATEMENT):
            some = identities[start : start + _KEYS_A_STATEMENT]
            connection.execute(update(ledger.table).where(column.in_(some)).values(carried=True))
