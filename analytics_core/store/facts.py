"""The facts behind the roll-ups: which files of clicks and verdicts say what a snapshot's roll-ups add up."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from analytics_core.store.lake import Lake, Snapshot, unavailable
from analytics_core.store.schemas import CLICK_COUNTS, CLICKS, VERDICTS

LIST_VERSION_KEY: Final = "list_version"  # in the metadata of commits to the roll-ups
_COMMITS_TO_READ: Final = 20
_BRIEFLY: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class FactFiles:
    """`clicks` may hold other clicks beside those asked for; `verdicts` holds one row a user agent."""

    clicks: tuple[str, ...]
    verdicts: tuple[str, ...]


class Facts:
    """Reads facts at the version that the roll-ups hold, so that both say the same. Safe to share between threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._lock = threading.Lock()
        self._list_version: tuple[Snapshot, str] | None = None
        self._clicks: tuple[int, DeltaTable] | None = None

    def list_version(self, snapshot: Snapshot) -> str:
        """The list version whose verdicts the roll-ups hold; '' where there are none.

        It is what the newest commit to the roll-ups says; where old log entries are gone, the greatest there is.
        """
        with self._lock:
            if self._list_version is None or self._list_version[0] is not snapshot:
                self._list_version = snapshot, self._current_list_version()
            return self._list_version[1]

    def files(self, snapshot: Snapshot, start: datetime, end: datetime) -> FactFiles:
        """The files with the clicks from `start` to before `end`, and the verdicts that the roll-ups hold."""
        if snapshot.data_version < 0 or start >= end:
            return FactFiles((), ())
        first, last = start.date().isoformat(), (end - _BRIEFLY).date().isoformat()
        try:
            clicks = self._clicks_at(snapshot.data_version)
            verdicts = self._lake.open(VERDICTS)
            of_list = [(LIST_VERSION_KEY, "=", self.list_version(snapshot))]
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

    def _current_list_version(self) -> str:
        counts = self._lake.open(CLICK_COUNTS)
        for commit in counts.history(_COMMITS_TO_READ):
            if LIST_VERSION_KEY in commit:
                return str(commit[LIST_VERSION_KEY])
        partitions = self._lake.open(VERDICTS).partitions()
        return max((partition[LIST_VERSION_KEY] for partition in partitions), default="")
