"""What the sync ledger says about how current and how complete the numbers are. Reading only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, exists, func, or_, select

from analytics_core.store import tables
from analytics_core.store.database import Database


@dataclass(frozen=True, slots=True)
class CompleteSync:
    """A run that read every configured source to its end. `sampling`: percent of lines logged, by source."""

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

    def last_complete(self, until: datetime | None = None) -> CompleteSync | None:
        """The newest run that read everything; with `until` the newest that had ended by then."""
        sync = tables.syncs
        ended = sync.c.finished_at.is_not(None) if until is None else sync.c.finished_at <= until
        with self._database.connect() as connection:
            row = connection.execute(
                select(sync.c.finished_at, sync.c.sources)
                .where(sync.c.complete, ended)
                .order_by(sync.c.finished_at.desc())
                .limit(1)
            ).one_or_none()
        if row is None:
            return None
        sources: list[dict[str, str | int]] = json.loads(row.sources)
        return CompleteSync(row.finished_at, {str(source["url"]): int(source["sampling"]) for source in sources})

    def line_counts(self, from_day: date, to_day: date) -> LineCounts:
        """Lines of all sources whose UTC day lies in the range (both inclusive).

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
        with self._database.connect() as connection:
            row = connection.execute(
                select(func.sum(line.c.lines), func.sum(line.c.rejected)).where(
                    or_(line.c.day.between(first, last), and_(line.c.day == "", with_a_day_in_range))
                )
            ).one()
        return LineCounts(int(row[0] or 0), int(row[1] or 0))
