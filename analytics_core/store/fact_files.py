"""The facts behind the roll-ups: which files of clicks and verdicts say what a snapshot's roll-ups add up.

A question about segments also needs what visitors did before: their earlier clicks, and what followed those.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from analytics_core.errors import lake_unavailable
from analytics_core.model import SegmentRules
from analytics_core.store.commit_time import newest_stamp
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICKS, VERDICTS
from analytics_core.store.list_versions import version_in_force
from analytics_core.store.parts import newest
from analytics_core.store.snapshot import Snapshot
from analytics_core.zones import RELEASE

_LEAST: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class FactFiles:
    """`clicks` may hold other clicks beside those asked for; `verdicts` holds one row a user agent.

    `history` is there where segments are asked for.
    """

    clicks: tuple[str, ...]
    verdicts: tuple[str, ...]
    history: HistoryFiles | None = None

    def by_day(self) -> list[tuple[date, FactFiles]]:
        """The same files UTC day by UTC day, in order of time; days without clicks are left out."""
        days: dict[date, list[str]] = {}
        for path in self.clicks:
            days.setdefault(_day_of(path), []).append(path)
        return [
            (day, replace(self, clicks=tuple(days[day]), history=self.history and self.history.of(day)))
            for day in sorted(days)
        ]


@dataclass(frozen=True, slots=True)
class HistoryFiles:
    """What tells a click's segment by these rules: `clicks` of its visitor before, and what followed clicks."""

    rules: SegmentRules
    clicks: tuple[str, ...]
    attributions: tuple[str, ...]

    def of(self, day: date) -> HistoryFiles:
        """What the clicks of one day need."""
        first = day - timedelta(days=_click_days(self.rules))
        return replace(self, clicks=tuple(path for path in self.clicks if first <= _day_of(path) <= day))


def together(parts: Iterable[FactFiles]) -> FactFiles:
    """The files of several ranges; a history is that of a single one."""
    several = list(parts)
    if len(several) == 1:
        return several[0]
    return FactFiles(
        tuple(sorted({path for part in several for path in part.clicks})),
        tuple(sorted({path for part in several for path in part.verdicts})),
    )


class Facts:
    """Reads facts at the version that the roll-ups hold, so that both say the same; for how things stood once, at the
    newest. Safe to share between threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._lock = threading.Lock()
        self._version: tuple[Snapshot, str] | None = None
        self._stamps: tuple[Snapshot, Mapping[str, datetime]] | None = None
        self._clicks: tuple[int, DeltaTable] | None = None

    def version(self, snapshot: Snapshot) -> str:
        """The newest commits of clicks and of what followed them that the snapshot holds, the lists by which clicks
        were judged, and the release of the time zones by which days begin.

        Commits that only rearrange files do not count, so compaction leaves the version as it is.
        """
        known = self._version
        if known is None or known[0] is not snapshot:
            clicks = None if snapshot.data_version < 0 else self._clicks_at(snapshot.data_version)
            appended = -1 if clicks is None else self._lake.newest_append(CLICKS, clicks)
            lists = version_in_force(self._lake, snapshot.list_version)
            parts = (appended, snapshot.attributions_version, lists, RELEASE)
            known = self._version = snapshot, "-".join(str(part) for part in parts if part not in (-1, ""))
        return known[1]

    def learnt_at(self, snapshot: Snapshot) -> datetime | None:
        """When the newest fact was learnt that the snapshot holds; None when it holds none."""
        return None if snapshot.data_version < 0 else max(self._held_stamps(snapshot).values(), default=None)

    def holds_all(self, snapshot: Snapshot, moment: datetime) -> bool:
        """Whether the snapshot holds everything that was learnt up to `moment`, the newest stamp that it has. It may
        lack clicks that are older than what it has of conversions: roll-ups catch up with both in their own time."""
        held = self._held_stamps(snapshot)
        there = {spec.name: _stamp(self._lake.open(spec)) for spec in (CLICKS, ATTRIBUTIONS)}
        # What a table got after its newest stamp that is held says a later time than that.
        return all(stamp is None or held.get(name) in (stamp, moment) for name, stamp in there.items())

    def _held_stamps(self, snapshot: Snapshot) -> Mapping[str, datetime]:
        """When the newest facts of the snapshot were learnt, by their table."""
        with self._lock:
            if self._stamps is None or self._stamps[0] is not snapshot:
                tables = (
                    self._lake.at(CLICKS, snapshot.data_version),
                    self._lake.at(ATTRIBUTIONS, snapshot.versions[-1]),
                )
                found = ((spec.name, _stamp(table)) for spec, table in zip((CLICKS, ATTRIBUTIONS), tables, strict=True))
                self._stamps = snapshot, {name: stamp for name, stamp in found if stamp is not None}
            return self._stamps[1]

    def files(
        self,
        snapshot: Snapshot,
        start: datetime,
        end: datetime,
        segments: SegmentRules | None = None,
        *,
        as_of: datetime | None = None,
    ) -> FactFiles:
        """The files with the clicks from `start` to before `end`, and the verdicts that the roll-ups hold.

        With `segments` also what tells the clicks' segments by these rules. With `as_of` the roll-ups' version does not
        matter: a click that was learnt by then is told, whether they have caught up with it or not, so that the same
        moment gets the same answer before and after.
        """
        if (snapshot.data_version < 0 and as_of is None) or start >= end:
            return FactFiles((), ())
        first, last = start.date(), (end - _LEAST).date()
        try:
            clicks = self._clicks_at(snapshot.data_version) if as_of is None else self._lake.open(CLICKS)
            verdicts = self._lake.open(VERDICTS)
            of_list = [("list_version", "=", version_in_force(self._lake, snapshot.list_version))]
            return FactFiles(
                _of_days(clicks, first, last),
                tuple(sorted(files_of(verdicts, of_list))),
                None if segments is None else _history(clicks, snapshot, segments, first, last),
            )
        except (DeltaError, OSError) as error:
            raise lake_unavailable(error) from error

    def _clicks_at(self, version: int) -> DeltaTable:
        with self._lock:
            kept = self._clicks
            if kept is None or kept[0] != version or not self._lake.has_current_keys(kept[1]):
                kept = self._clicks = version, self._lake.at(CLICKS, version)
            return kept[1]


def _stamp(table: DeltaTable) -> datetime | None:
    """The newest of a table; of one that says none, which an early release wrote, that of its rows."""
    return newest_stamp(table) or newest(table, "learnt_at")


def _history(clicks: DeltaTable, snapshot: Snapshot, rules: SegmentRules, first: date, last: date) -> HistoryFiles:
    since = first - timedelta(days=max(rules.vip_days, rules.customer_days, rules.engaged_days))
    return HistoryFiles(
        rules,
        _of_days(clicks, first - timedelta(days=_click_days(rules)), last),
        snapshot.attribution_files(f"{since:%Y-%m}", f"{last:%Y-%m}"),
    )


def _of_days(clicks: DeltaTable, first: date, last: date) -> tuple[str, ...]:
    days = [("day", ">=", first.isoformat()), ("day", "<=", last.isoformat())]
    return tuple(sorted(files_of(clicks, days)))


def _click_days(rules: SegmentRules) -> int:
    return max(rules.returning_days, rules.engaged_days)


def _day_of(path: str) -> date:
    return date.fromisoformat(path.split("/day=", 1)[1].split("/", 1)[0])
