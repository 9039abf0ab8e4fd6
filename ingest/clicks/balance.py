"""The identity that must always balance: every line read is in exactly one bucket, per source, batch and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import polars as pl

BUCKETS = ("clicks", "not_redirects", "unknown_hosts", "invalid_slugs", "duplicates", "rejected")


class UnbalancedError(Exception):
    """A line was lost or counted twice: a defect of ours, told before anything is committed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How many lines were read and where each of them went."""

    lines: int = 0
    clicks: int = 0
    not_redirects: int = 0
    unknown_hosts: int = 0
    invalid_slugs: int = 0
    duplicates: int = 0
    rejected: int = 0

    def __add__(self, other: Identity) -> Identity:
        return Identity(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def checked(self) -> Identity:
        if self.lines != sum(getattr(self, bucket) for bucket in BUCKETS):
            raise UnbalancedError(f"The identity does not balance: {asdict(self)}.")
        return self


@dataclass(frozen=True, slots=True)
class ObjectProgress:
    """How far one version of an object has been read, in bytes of text (Parquet: rows) and in lines.

    `hosts`: when some of the lines were of unknown hosts, the version of the hosts that were known then.
    """

    key: str
    version: str
    position: int = 0
    lines: int = 0
    complete: bool = False
    refused: str | None = None
    unknown_hosts: int = 0
    hosts: str = ""


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What one committed batch did. It travels in the commit itself, so that a crash after it loses nothing."""

    source: str
    number: int
    days: Mapping[str, Identity]  # 'yyyy-mm-dd' (UTC), or '' where a line's time could not be read
    objects: tuple[ObjectProgress, ...]
    conflicts: int
    learnt_at: str  # RFC 3339
    seconds: float = 0.0
    reasons: Mapping[str, int] = field(default_factory=dict[str, int])  # rejected lines by reason

    @property
    def identity(self) -> Identity:
        return sum(self.days.values(), Identity())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def summary_from_json(value: Mapping[str, Any]) -> BatchSummary:
    days = {day: Identity(**identity) for day, identity in value["days"].items()}
    objects = tuple(ObjectProgress(**item) for item in value["objects"])
    fields_read: dict[str, Any] = {**value, "days": days, "objects": objects}
    return BatchSummary(**fields_read)


def identities(days: pl.DataFrame) -> dict[str, Identity]:
    """Identity per day of (day, bucket, lines) rows; a null day is ''. Raises UnbalancedError."""
    wide: dict[str, dict[str, int]] = {}
    for day, bucket, lines in days.select("day", "bucket", "lines").iter_rows():
        name = "" if day is None else day.isoformat()
        counts = wide.setdefault(name, {})
        counts[bucket] = counts.get(bucket, 0) + lines
    return {day: Identity(lines=sum(counts.values()), **counts).checked() for day, counts in sorted(wide.items())}
