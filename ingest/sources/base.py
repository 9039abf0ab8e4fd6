"""What every source of log objects can do: list what there is, and open one object to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from ingest.cloudfront import Fields


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One source as configured. `url` names it in the ledger: another spelling is another source."""

    url: str
    fields: Fields
    sampling: int = 100
    lookback_hours: int = 48


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One version of one log object. `size` in bytes as stored. `is_growing`: its last line may not be whole yet."""

    key: str
    version: str
    size: int
    is_growing: bool = False


class Source(Protocol):
    @property
    def config(self) -> SourceConfig: ...

    def objects(self, known_keys: frozenset[str], *, full: bool) -> Iterator[SourceObject]:
        """What the source holds now, in a stable order. Unless `full`, a large source may list only recent keys."""
        ...

    def continues(self, item: SourceObject, version: str, *, to_its_end: bool) -> bool:
        """True when an earlier version is the beginning of this one, so that reading can go on where it stopped.

        `to_its_end`: that version was read to its end, which then must be the end of a line.
        """
        ...

    def open(self, item: SourceObject) -> IO[bytes]:
        """Raises FileNotFoundError when the object is gone, OSError when it cannot be read."""
        ...
