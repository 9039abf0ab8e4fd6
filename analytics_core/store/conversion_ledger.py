"""The ledger of conversions: each key of a handle counts once, and every post ends in one counted outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import Connection, Executable, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from analytics_core.store import tables

Outcome = Literal["accepted", "duplicate", "key_reused", "expired", "bad_signature", "invalid_field", "rate_limited"]
UNKNOWN_HANDLE: Final = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion as posted. `value_e4` in 1/10,000 of its currency; `content` tells a replay from a reused key."""

    conversion_id: str
    handle: str
    idempotency_key: str
    content: str
    slug: str
    click_id: str
    clicked_at: datetime
    session_id: str | None
    position: int | None
    consent: str
    event_type: str
    value_e4: int
    currency: str | None
    at: datetime

    @property
    def key(self) -> tuple[str, str]:
        return self.handle, self.idempotency_key


_COLUMNS: Final = tuple(one.name for one in fields(Conversion))


@dataclass(frozen=True, slots=True)
class Post:
    """A post of a conversion. One whose ctx has expired is answered when its key is known, and else refused."""

    conversion: Conversion
    has_expired: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A post that was refused before it came here, and the handle that it named, whether that exists or not."""

    claimed_handle: str | None
    day: date
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RecordedPost:
    """How a post ended. `conversion_id` is that of the first post with the key; '' when the post was refused."""

    outcome: Outcome
    conversion_id: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    conversion_id: str
    content: str


@dataclass(slots=True)
class _Ledger:
    """What the database holds of the keys of one batch."""

    kept: dict[tuple[str, str], _Kept] = field(default_factory=dict[tuple[str, str], _Kept])
    inserted: set[str] = field(default_factory=set[str])


def record(connection: Connection, posts: Sequence[Post | Refusal]) -> list[RecordedPost]:
    """Inserts new conversions, finds the first of those that are known, and counts every post."""
    arrived = [one for one in posts if isinstance(one, Post)]
    ledger = _Ledger()
    _insert(connection, arrived, ledger)
    _find(connection, {one.conversion.key for one in arrived} - ledger.kept.keys(), ledger)
    recorded = [_recorded(one, ledger) for one in posts]
    _count(connection, posts, recorded)
    return recorded


def _insert(connection: Connection, posts: Iterable[Post], ledger: _Ledger) -> None:
    """Inserts the first post of each key; those whose key is in the database already are left out."""
    firsts: dict[tuple[str, str], Conversion] = {}
    for post in posts:
        if not post.has_expired:
            firsts.setdefault(post.conversion.key, post.conversion)
    if not firsts:
        return
    # In one order everywhere: two processes that wait for each other's keys would be a deadlock.
    rows = [_row(firsts[key]) for key in sorted(firsts)]
    ledger.inserted.update(connection.execute(_insert_new(connection.dialect.name), rows).scalars())
    ledger.kept.update(
        (key, _Kept(one.conversion_id, one.content))
        for key, one in firsts.items()
        if one.conversion_id in ledger.inserted
    )


def _row(conversion: Conversion) -> dict[str, Any]:
    return {name: getattr(conversion, name) for name in _COLUMNS} | {"carried": False}


def _find(connection: Connection, keys: set[tuple[str, str]], ledger: _Ledger) -> None:
    if not keys:
        return
    kept = tables.conversions.c
    rows = connection.execute(
        select(kept.handle, kept.idempotency_key, kept.conversion_id, kept.content).where(
            tuple_(kept.handle, kept.idempotency_key).in_(sorted(keys))
        )
    )
    ledger.kept.update(((row.handle, row.idempotency_key), _Kept(row.conversion_id, row.content)) for row in rows)


def _recorded(post: Post | Refusal, ledger: _Ledger) -> RecordedPost:
    if isinstance(post, Refusal):
        return RecordedPost(post.outcome)
    conversion, kept = post.conversion, ledger.kept.get(post.conversion.key)
    if kept is None:
        return RecordedPost("expired")
    if conversion.conversion_id in ledger.inserted:
        return RecordedPost("accepted", kept.conversion_id)
    return RecordedPost("duplicate" if conversion.content == kept.content else "key_reused", kept.conversion_id)


def _count(connection: Connection, posts: Sequence[Post | Refusal], recorded: Sequence[RecordedPost]) -> None:
    claimed = {one.claimed_handle for one in posts if isinstance(one, Refusal) and one.claimed_handle}
    known = _known(connection, claimed)
    counts: Counter[tuple[str, date, Outcome]] = Counter()
    for post, ended in zip(posts, recorded, strict=True):
        if isinstance(post, Post):
            counts[post.conversion.handle, post.conversion.at.date(), ended.outcome] += 1
        else:
            handle = post.claimed_handle if post.claimed_handle in known else None
            counts[handle or UNKNOWN_HANDLE, post.day, ended.outcome] += 1
    rows = [
        {"handle": handle, "day": day, "outcome": outcome, "posts": posts}
        for (handle, day, outcome), posts in sorted(counts.items())
    ]
    connection.execute(_add_posts(connection.dialect.name), rows)


# Made once: to build a statement costs as much of the processor as to run it.


@cache
def _insert_new(dialect_name: str) -> Executable:
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    table = tables.conversions
    return (
        dialect.insert(table)
        .on_conflict_do_nothing(index_elements=["handle", "idempotency_key"])
        .returning(table.c.conversion_id)
    )


@cache
def _add_posts(dialect_name: str) -> Executable:
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    statement = dialect.insert(tables.conversion_outcomes)
    more = tables.conversion_outcomes.c.posts + statement.excluded.posts
    return statement.on_conflict_do_update(index_elements=["handle", "day", "outcome"], set_={"posts": more})


def _known(connection: Connection, names: set[str]) -> set[str]:
    if not names:
        return set()
    handle = tables.handles.c.handle
    return set(connection.execute(select(handle).where(handle.in_(sorted(names)))).scalars())
