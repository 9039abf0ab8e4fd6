"""The table of signals: appended to, as many to a session as a session may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, func, insert, select, tuple_

from analytics_core.store import tables

MOST_A_SESSION: Final = 200

_ONE_AT_A_TIME: Final = 0x5349474E414C53  # PostgreSQL's advisory lock of who counts signals: any number of our own

SignalOutcome = Literal["accepted", "session_full"]


@dataclass(frozen=True, slots=True)
class Signal:
    """What was observed of a visitor. What a ctx says is null without one; `metadata` is JSON."""

    signal_id: str
    handle: str
    session_id: str
    slug: str | None
    click_id: str | None
    clicked_at: datetime | None
    consent: str | None
    signal_key: str
    signal_value: str
    confidence: float
    source: str | None
    metadata: str | None
    at: datetime

    @property
    def session(self) -> tuple[str, str]:
        return self.handle, self.session_id


def record(connection: Connection, signals: Sequence[Signal]) -> list[SignalOutcome]:
    """Appends the signals whose session has room; how each of them ended.

    What claims a handle that does not exist, and has no ctx of it, is kept aside: it is written like any other, so that
    neither an answer nor its time tells which handles there are, and marked so that it never comes into the lake.
    """
    if connection.dialect.name == "postgresql":  # two that count at once would fill a session beyond its room
        connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    handles = _known(connection, {one.handle for one in signals})
    sizes = _sizes(connection, {one.session for one in signals})
    ended: list[SignalOutcome] = []
    rows: list[dict[str, Any]] = []
    for one in signals:
        size = sizes.get(one.session, 0)
        if size >= MOST_A_SESSION:
            ended.append("session_full")
            continue
        ended.append("accepted")
        sizes[one.session] = size + 1
        is_aside = one.handle not in handles and one.click_id is None
        rows.append(asdict(one) | {"carried": is_aside})
    if rows:
        connection.execute(insert(tables.signals), rows)
    return ended


def _known(connection: Connection, names: set[str]) -> set[str]:
    handle = tables.handles.c.handle
    return set(connection.execute(select(handle).where(handle.in_(sorted(names)))).scalars())


def _sizes(connection: Connection, sessions: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    signal = tables.signals.c
    rows = connection.execute(
        select(signal.handle, signal.session_id, func.count())
        .where(tuple_(signal.handle, signal.session_id).in_(sorted(sessions)))
        .group_by(signal.handle, signal.session_id)
    )
    return {(handle, session): size for handle, session, size in rows}
