"""Rows of accounts that have a history: each state with the time from which and to which it was in force."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, select, update

_TIMES: Final = ("valid_from", "valid_to")


def states_in_force(connection: Connection, table: Table, handle: str, key: str) -> dict[str, dict[str, Any]]:
    """Of each key of the handle the columns of its row but handle, key and times."""
    rows = connection.execute(select(table).where(table.c.handle == handle, table.c.valid_to.is_(None))).mappings()
    names = [column.name for column in table.c if column.name not in ("handle", key, *_TIMES)]
    return {row[key]: {name: row[name] for name in names} for row in rows}


def keep_states(
    connection: Connection,
    table: Table,
    handle: str,
    key: str,
    wanted: Mapping[str, Mapping[str, Any]],
    *,
    since: datetime,
    now: datetime,
) -> int:
    """Closes the rows of keys whose state is another now, or that are gone, and opens new ones with effect `since`:
    history is never rewritten. Returns how many keys changed."""
    in_force = states_in_force(connection, table, handle, key)
    ended = [one for one, state in in_force.items() if wanted.get(one) != state]
    begun = [one for one, state in wanted.items() if in_force.get(one) != state]
    for one in ended:
        row = (table.c.handle == handle) & (table.c[key] == one) & table.c.valid_to.is_(None)
        connection.execute(update(table).where(row).values(valid_to=now))
    if begun:
        rows = [{**wanted[one], "handle": handle, key: one, "valid_from": since} for one in begun]
        connection.execute(table.insert(), rows)
    return len({*ended, *begun})
