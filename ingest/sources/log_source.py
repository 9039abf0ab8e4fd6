"""What every source of log objects can do: list what there is, and open one object to read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Final, Protocol

from ingest.reading.log_fields import Fields

_NAME_BYTES: Final = 1_024  # of an object's key or a source, as on S3: what the database's keys hold


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One source as configured. `url` names it in the ledger: another spelling is another source.

    `distribution`: of standard logs, the one whose objects belong to it; None: all.
    """

    url: str
    fields: Fields
    sampling: int = 100
    lookback_hours: int = 48
    distribution: str | None = None

    def holds(self, item: SourceObject) -> bool:
        """Whether an object belongs to the source: its key names the distribution as a word of its own."""
        if self.distribution is None:
            return True
        return re.search(rf"(?<![A-Za-z0-9]){self.distribution}(?![A-Za-z0-9])", item.key) is not None


@dataclass(frozen=True, slots=True)
class SourceHistory:
    """What earlier runs know of a source. Times are those at which runs began."""

    read_at: datetime | None = None  # the last run that read it to its end
    listed_at: datetime | None = None  # the last of those that listed everything


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One version of one log object. `size` in bytes as stored. `is_growing`: its last line may not be whole yet."""

    key: str
    version: str
    size: int
    is_growing: bool = False


@dataclass(frozen=True, slots=True)
class UnlistedPlace:
    """A place in a source that could not be looked at this time, and why: the next run tries it again."""

    place: str
    reason: str


def why_unstorable(name: str) -> str | None:
    """Why the ledger cannot call an object or a source by this name; None when it can."""
    try:
        size = len(name) if name.isascii() else len(name.encode())
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    if size > _NAME_BYTES:
        return f"its name is longer than {_NAME_BYTES:,} bytes"
    return "its name holds a NUL" if "\0" in name else None


def shown(name: str) -> str:
    """A name as it can be printed: bytes of a file's name that are no text as `\\xff`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Source(Protocol):
    @property
    def config(self) -> SourceConfig: ...

    @property
    def is_remote(self) -> bool:
        """Whether every opening of an object waits for a network."""
        ...

    def must_list_all(self, past: SourceHistory) -> bool:
        """Whether listing what is recent would not do."""
        ...

    def objects(self, past: SourceHistory, *, everything: bool) -> Iterator[SourceObject | UnlistedPlace]:
        """What the source holds now, in a stable order; unless `everything`, recent keys suffice.

        Raises SourceError when it cannot be listed.
        """
        ...

    def as_listed(self, version: str) -> str:
        """What listing says of an object of this version."""
        ...

    def identified(self, item: SourceObject) -> SourceObject:
        """The object with its whole version, of which listing may have told a part."""
        ...

    def continues(self, item: SourceObject, version: str, *, to_its_end: bool) -> bool:
        """True when an earlier version is the beginning of this one, so that reading can go on where it stopped.

        `to_its_end`: that version was read to its end, which then must be the end of a line.
        """
        ...

    def open(self, item: SourceObject) -> IO[bytes]:
        """Raises FileNotFoundError when the object is gone, OSError when it cannot be read."""
        ...
