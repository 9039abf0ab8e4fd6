"""What the sync ledger says about how current and how complete the numbers are. Reading only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, exists, func, or_, select

from analytics_core.store import tables
from analytics_core.store.database import Database


@dataclass(frozen=True, slots=True)
class CompleteSync:
    """Up to when every configured source was read to its end, and when that began: what was posted by then is counted.
    `sampling`: percent of lines logged, by source."""

    started_at: datetime
    finished_at: datetime
    sampling: dict[str, int]


@dataclass(frozen=True, slots=True)
class LineCounts:
    lines: int
    rejected: int


class Syncs:
    """The ledger of `ingest sync`. Every call reads the current state."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_complete(self, until: datetime) -> CompleteSync | None:
        """When the configured source that was read least recently was last read to its end, of all reads up to `until`:
        what a clock that was ahead wrote down counts when its time has come.

        Configured is what the newest run found in sources.toml that had one. When that was nothing, the newest run
        counts that read all of its sources. None while a configured source was never read to its end.
        """
        read = tables.source_syncs
        with self._database.connect() as connection:
            run = self._newest_configured(connection, until)
            configured = connection.execute(
                select(read.c.source, read.c.sampling).where(read.c.run == run, read.c.configured)
            )
            sampling = {row.source: row.sampling for row in configured}
            if not sampling:
                return self._last_complete_run(connection, until)
            reads = [self._last_read(connection, source, until) for source in sampling]
        known = [one for one in reads if one is not None]
        if len(known) < len(reads):
            return None
        return CompleteSync(min(begin for begin, _ in known), min(end for _, end in known), sampling)

    def _newest_configured(self, connection: Connection, until: datetime) -> str | None:
        sync = tables.syncs
        begun = sync.c.started_at <= until
        return connection.execute(
            select(sync.c.id).where(sync.c.configured, begun).order_by(sync.c.started_at.desc()).limit(1)
        ).scalar()

    def _last_read(self, connection: Connection, source: str, until: datetime) -> tuple[datetime, datetime] | None:
        """The newest begin and the newest end of reads of the source to its end."""
        read = tables.source_syncs
        ended = read.c.finished_at <= until
        started_at, finished_at = connection.execute(
            select(func.max(read.c.started_at), func.max(read.c.finished_at)).where(
                read.c.source == source, read.c.complete, ended
            )
        ).one()
        return None if finished_at is None else (started_at, finished_at)

    def _last_complete_run(self, connection: Connection, until: datetime) -> CompleteSync | None:
        sync, read = tables.syncs, tables.source_syncs
        ended = sync.c.finished_at <= until
        row = connection.execute(
            select(sync.c.id, sync.c.finished_at)
            .where(sync.c.complete, ended)
            .order_by(sync.c.finished_at.desc())
            .limit(1)
        ).one_or_none()
        if row is None:
            return None
        started_at = connection.execute(select(func.max(sync.c.started_at)).where(sync.c.complete, ended)).scalar_one()
        sources = connection.execute(select(read.c.source, read.c.sampling).where(read.c.run == row.id))
        return CompleteSync(started_at, row.finished_at, {row.source: row.sampling for row in sources})

    def lake_version(self) -> int:
        """The newest version of the lake's clicks that a recorded batch made; 0 before the first."""
        with self._database.connect() as connection:
            return connection.execute(select(func.max(tables.batches.c.lake_version))).scalar() or 0

    def line_counts(self, from_day: date, to_day: date, until: datetime | None = None) -> LineCounts:
        """Lines of all sources whose UTC day lies in the range (both inclusive), with `until` those read by then.

        Lines whose time could not be read count with the days of the batch that they came in.
        """
        line = tables.batch_days
        beside = line.alias("beside")
        first, last = from_day.isoformat(), to_day.isoformat()
        with_a_day_in_range = exists().where(
            and_(
                beside.c.source == line.c.source,
                beside.c.number == line.c.number,
                beside.c.day.between(first, last),
            )
        )
        counts = select(func.sum(line.c.lines), func.sum(line.c.rejected)).where(
            or_(line.c.day.between(first, last), and_(line.c.day == "", with_a_day_in_range))
        )
        if until is not None:
            batch = tables.batches
            of_batch = and_(batch.c.source == line.c.source, batch.c.number == line.c.number)
            counts = counts.join_from(line, batch, of_batch).where(batch.c.committed_at <= until)
        with self._database.connect() as connection:
            row = connection.execute(counts).one()
        return LineCounts(int(row[0] or 0), int(row[1] or 0))
