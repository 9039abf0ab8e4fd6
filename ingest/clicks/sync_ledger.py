"""The sync ledger in the database: which objects have been read, what each batch did, and how complete each run was."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from itertools import islice
from typing import Final

import polars as pl
from sqlalchemy import ColumnElement, and_, func, literal, null, or_, select, union_all, update

from analytics_core.store import tables
from analytics_core.store.database import Database, insert_missing, upsert
from ingest.clicks.balance import BatchSummary, ObjectProgress
from ingest.sources import Source, SourceConfig, SourceHistory, SourceObject

_LISTED_A_QUERY: Final = 10_000
_VERSIONS_AN_OBJECT: Final = 3  # more, between two keys, are looked up one by one
_KEYS_A_QUERY: Final = 500
_REFUSED_IN_A_ROW: Final = 3  # objects: one foreign file is no misconfiguration, so many are
_KEPT_REJECTS: Final = 10_000  # of one batch; the count is always exact
_PROGRESS: Final = tuple(one.name for one in fields(ObjectProgress))


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_run(
        self, sources: Sequence[SourceConfig], configured: Sequence[SourceConfig] | None, now: datetime
    ) -> str:
        """Notes that a run of sync over `sources` began, and which sources were `configured` then; its id.

        Without a configuration (None) that of earlier runs stays in force.
        """
        run = str(uuid.uuid4())
        urls = {source.url for source in configured or ()}
        with self._database.begin() as connection:
            connection.execute(
                tables.syncs.insert().values(id=run, started_at=now, complete=False, configured=configured is not None)
            )
            rows = [
                {
                    "run": run,
                    "source": source.url,
                    "configured": source.url in urls,
                    "sampling": source.sampling,
                    "started_at": now,
                    "complete": False,
                    "listed_all": False,
                }
                for source in {one.url: one for one in [*(configured or ()), *sources]}.values()
            ]
            insert_missing(connection, tables.source_syncs, rows)
        return run

    def end_run(self, run: str, now: datetime, ended: Mapping[str, bool], *, complete: bool) -> None:
        """Notes that what the run read is in the numbers; `complete`: every source of it was read to its end.

        `ended`: the sources that were, each with whether everything in it was listed. They make the numbers fresh.
        """
        sync, read = tables.syncs, tables.source_syncs
        with self._database.begin() as connection:
            for source, listed_all in ended.items():
                connection.execute(
                    update(read)
                    .where(read.c.run == run, read.c.source == source)
                    .values(finished_at=now, complete=True, listed_all=listed_all)
                )
            connection.execute(update(sync).where(sync.c.id == run).values(finished_at=now, complete=complete))

    def has_batches(self) -> bool:
        with self._database.connect() as connection:
            return connection.execute(select(tables.batches.c.number).limit(1)).first() is not None

    def last_number(self, source: str) -> int:
        """The number of the newest recorded batch of the source; 0 before the first."""
        batch = tables.batches
        with self._database.connect() as connection:
            return connection.execute(select(func.max(batch.c.number)).where(batch.c.source == source)).scalar() or 0

    def past(self, source: str) -> SourceHistory:
        """What earlier runs know of the source."""
        read = tables.source_syncs
        begun = select(func.max(read.c.started_at)).where(read.c.source == source, read.c.complete)
        with self._database.connect() as connection:
            return SourceHistory(
                read_at=connection.execute(begun).scalar(),
                listed_at=connection.execute(begun.where(read.c.listed_all)).scalar(),
            )

    def is_misread(self, source: str) -> bool:
        """Whether the source is not configured as its objects are: none was ever read but all refused, or since the
        last that was read several were refused. A foreign object now and then is no mistake."""
        item = tables.objects
        with self._database.connect() as connection:
            last_read = connection.execute(
                select(func.max(item.c.number)).where(item.c.source == source, item.c.refused.is_(None))
            ).scalar()
            refused = select(item.c.number).where(
                item.c.source == source, item.c.refused.is_not(None), item.c.number > (last_read or 0)
            )
            enough = _REFUSED_IN_A_ROW if last_read else 1
            return len(connection.execute(refused.limit(enough)).all()) == enough

    def knows(self, source: str) -> bool:
        """Whether any object of the source was ever read or refused."""
        item = tables.objects
        with self._database.connect() as connection:
            return connection.execute(select(item.c.key).where(item.c.source == source).limit(1)).first() is not None

    def unread(
        self, source: Source, items: Iterable[SourceObject], hosts: str, *, full: bool
    ) -> list[tuple[SourceObject, ObjectProgress]]:
        """The objects that are not read to their end, each with where to go on.

        With `full` also those that were refused, and, from their beginning, those with lines of hosts that nobody was
        known to have, when other hosts were known then than now (`hosts` is their version).
        """
        url = source.config.url
        unread: list[tuple[SourceObject, ObjectProgress]] = []
        for listed in _some_at_a_time(items, _LISTED_A_QUERY):
            read = self._read(url, listed, hosts if full else None)
            rest = [one for one in listed if (one.key, one.version) not in read]
            if rest:
                as_listed = {(key, source.as_listed(version)) for key, version in read}
                rest = [one for one in rest if (one.key, one.version) not in as_listed]
            for some in _some_at_a_time(map(source.identified, rest), _KEYS_A_QUERY):
                known = self._progress(url, some)
                for one in some:
                    state = _start(source, one, known.get(one.key, []))
                    if full and state.unknown_hosts and state.hosts != hosts:
                        unread.append((one, ObjectProgress(one.key, one.version)))
                    elif not state.complete or (full and state.refused):
                        unread.append((one, state))
        return unread

    def _read(self, source: str, items: Sequence[SourceObject], hosts: str | None) -> set[tuple[str, str]]:
        """(key, version) of what was read to its end: of all these objects where the database orders text as Python
        does and holds few others between them. That is one walk along an index, and mostly all there is to do.

        With `hosts` only versions of which nothing would be read again although these hosts are known now.
        """
        item = tables.objects
        keys = [one.key for one in items]
        between = item.c.key.between(min(keys), max(keys))
        is_done = and_(item.c.source == source, between, item.c.complete, *_for_good(hosts))
        most = _VERSIONS_AN_OBJECT * len(items)
        with self._database.connect() as connection:
            rows = connection.execute(select(item.c.key, item.c.version).where(is_done).limit(most + 1)).all()
        return set(map(tuple, rows)) if len(rows) <= most else set()

    def _progress(self, source: str, items: Sequence[SourceObject]) -> dict[str, list[ObjectProgress]]:
        """How far every version of the objects has been read, by key."""
        item = tables.objects
        progress: dict[str, list[ObjectProgress]] = {}
        columns = [item.c[name] for name in _PROGRESS]
        with self._database.connect() as connection:
            rows = connection.execute(
                select(*columns).where(item.c.source == source, item.c.key.in_([one.key for one in items]))
            )
            for row in rows:
                progress.setdefault(row.key, []).append(ObjectProgress(*row))
        return progress

    def keep_rejects(self, source: str, rejected: pl.DataFrame, learnt_at: datetime) -> None:
        """Keeps rejected lines (key, version, line_number, reason, raw). Doing so twice changes nothing."""
        kept = rejected.head(_KEPT_REJECTS).with_columns(
            pl.col("raw").str.replace_all("\0", "\ufffd", literal=True),  # PostgreSQL's text holds no NUL
            source=pl.lit(source),
        )
        rows = [row | {"learnt_at": learnt_at} for row in kept.to_dicts()]
        with self._database.begin() as connection:
            insert_missing(connection, tables.rejects, rows)

    def record(self, summary: BatchSummary, lake_version: int) -> None:
        """Writes down a committed batch. Doing so twice, or after a later batch, sets nothing back."""
        learnt_at = datetime.fromisoformat(summary.learnt_at)
        identity = {"source": summary.source, "number": summary.number}
        with self._database.begin() as connection:
            batch = {
                **identity,
                **asdict(summary.identity),
                "committed_at": learnt_at,
                "lake_version": lake_version,
                "objects": len(summary.objects),
                "conflicts": summary.conflicts,
                "seconds": summary.seconds,
            }
            insert_missing(connection, tables.batches, [batch])
            days = [{**identity, "day": day, **asdict(counts)} for day, counts in summary.days.items()]
            insert_missing(connection, tables.batch_days, days)
            read_at = {**identity, "read_at": learnt_at}
            objects = [{**read_at, **{name: getattr(item, name) for name in _PROGRESS}} for item in summary.objects]
            upsert(connection, tables.objects, objects, newer_by="number")

    def rejects(self, limit: int, reason: str | None = None) -> list[dict[str, object]]:
        """Rejected lines and refused objects, newest first: source, key, line (null: the whole object), reason, raw."""
        line, item = tables.rejects, tables.objects
        lines = select(line.c.source, line.c.key, line.c.line_number, line.c.reason, line.c.raw, line.c.learnt_at)
        objects = select(item.c.source, item.c.key, null(), item.c.refused, literal(""), item.c.read_at)
        objects = objects.where(item.c.refused.is_not(None))
        if reason is not None:
            lines, objects = lines.where(line.c.reason == reason), objects.where(item.c.refused == reason)
        both = union_all(lines, objects).subquery()
        with self._database.connect() as connection:
            rows = connection.execute(
                select(both).order_by(both.c.learnt_at.desc(), both.c.key, both.c.line_number).limit(limit)
            )
            return [dict(row) for row in rows.mappings()]


def _some_at_a_time(items: Iterable[SourceObject], count: int) -> Iterator[list[SourceObject]]:
    waiting = iter(items)
    while some := list(islice(waiting, count)):
        yield some


def _for_good(hosts: str | None) -> list[ColumnElement[bool]]:
    item = tables.objects
    if hosts is None:
        return []
    return [item.c.refused.is_(None), or_(item.c.unknown_hosts == 0, item.c.hosts == hosts)]


def _start(source: Source, item: SourceObject, known: Sequence[ObjectProgress]) -> ObjectProgress:
    """Where to go on with an object: in this version of it, or where an earlier one ended that it has grown from."""
    for progress in known:
        if progress.version == item.version:
            return progress
    for progress in sorted(known, key=lambda one: one.position, reverse=True):
        if not progress.refused and source.continues(item, progress.version, to_its_end=progress.complete):
            return replace(progress, version=item.version, complete=False)
    return ObjectProgress(item.key, item.version)
