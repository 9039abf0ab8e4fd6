"""The facts behind the roll-ups: which files of clicks and verdicts say what a snapshot's roll-ups add up."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from analytics_core.store.lake import Lake, Snapshot, unavailable
from analytics_core.store.schemas import CLICKS, VERDICTS

_RECENT_COMMITS: Final = 10
_LEAST: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class FactFiles:
    """`clicks` may hold other clicks beside those asked for; `verdicts` holds one row a user agent."""

    clicks: tuple[str, ...]
    verdicts: tuple[str, ...]

    def by_day(self) -> list[FactFiles]:
        """The same files UTC day by UTC day, in order of time; days without clicks are left out."""
        days: dict[str, list[str]] = {}
        for path in self.clicks:
            days.setdefault(path.split("/day=", 1)[1].split("/", 1)[0], []).append(path)
        return [replace(self, clicks=tuple(days[day])) for day in sorted(days)]


class Facts:
    """Reads facts at the version that the roll-ups hold, so that both say the same. Safe to share between threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._lock = threading.Lock()
        self._version: tuple[Snapshot, str] | None = None
        self._clicks: tuple[int, DeltaTable] | None = None

    def version(self, snapshot: Snapshot) -> str:
        """The newest commit of clicks that the snapshot's roll-ups hold, and the lists by which they were judged.

        Commits that only rearrange files do not count, so compaction leaves the version as it is.
        """
        with self._lock:
            if self._version is None or self._version[0] is not snapshot:
                clicks = self._newest_clicks(snapshot.data_version)
                self._version = snapshot, f"{clicks}-{self._list_version(snapshot)}"
            return self._version[1]

    def files(self, snapshot: Snapshot, start: datetime, end: datetime) -> FactFiles:
        """The files with the clicks from `start` to before `end`, and the verdicts that the roll-ups hold."""
        if snapshot.data_version < 0 or start >= end:
            return FactFiles((), ())
        first, last = start.date().isoformat(), (end - _LEAST).date().isoformat()
        try:
            clicks = self._clicks_at(snapshot.data_version)
            verdicts = self._lake.open(VERDICTS)
            of_list = [("list_version", "=", self._list_version(snapshot))]
            return FactFiles(
                tuple(sorted(clicks.file_uris(file_pruning_predicate=[("day", ">=", first), ("day", "<=", last)]))),
                tuple(sorted(verdicts.file_uris(file_pruning_predicate=of_list))),
            )
        except (DeltaError, OSError) as error:
            raise unavailable(error) from error

    def _clicks_at(self, version: int) -> DeltaTable:
        with self._lock:
            if self._clicks is None or self._clicks[0] != version:
                uri, options = self._lake.uri(CLICKS), self._lake.storage_options
                self._clicks = version, DeltaTable(uri, version=version, storage_options=options)
            return self._clicks[1]

    def _list_version(self, snapshot: Snapshot) -> str:
        """What the roll-ups say of themselves; where the log has forgotten it, the greatest version of all verdicts."""
        if snapshot.list_version is not None:
            return snapshot.list_version
        partitions = self._lake.open(VERDICTS).partitions()
        return max((partition["list_version"] for partition in partitions), default="")

    def _newest_clicks(self, until: int) -> int:
        """The last commit up to `until` that brought clicks; `until` itself when the log has forgotten."""
        clicks = self._lake.open(CLICKS)
        for limit in (_RECENT_COMMITS, None):
            for commit in clicks.history(limit):
                if commit["version"] <= until and commit["operation"] == "WRITE":
                    return commit["version"]
        return until
