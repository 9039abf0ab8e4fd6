"""One consistent version of what questions are answered from: the files of the roll-ups, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from analytics_core.store.lake_tables import DAY, DETAIL
from analytics_core.store.tally import Tally


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of one consistent version of what questions are answered from. Paths are as the lake names them
    (local or s3://)."""

    data_version: int  # version of `clicks` that the roll-ups were derived from; -1 before the first
    list_version: str | None  # the bot and device lists by which they were judged; None when they hold nothing
    counts: Mapping[tuple[str, str], tuple[str, ...]]  # (grain, month) -> files
    coverage: tuple[str, ...]
    attributions: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])  # month -> files
    attributions_version: int = -1  # the newest commit that said something new of what followed clicks
    versions: tuple[int, ...] = ()  # of the tables that it was read from, rearranging commits included
    tallies: Mapping[str, Tally] = field(default_factory=dict[str, Tally])  # table of facts -> what roll-ups hold of it
    is_derived_as_now: bool = True  # as this release derives roll-ups: the newest commit to them says so
    has_lost_rollups: bool = False  # of what followed clicks: the counts know conversions that are not there

    @property
    def misfits(self) -> tuple[str, ...]:
        """The tables of facts of which the roll-ups are known to hold another number of rows than are there."""
        return tuple(name for name, tally in self.tallies.items() if not tally.fits)

    def count_files(self, grain: str, months: Sequence[str]) -> tuple[str, ...]:
        return tuple(path for month in months for path in self.counts.get((grain, month), ()))

    def has_details(self, months: Sequence[str]) -> bool:
        """Whether the detail grain is there for these months: a lake of release 0.1.0 gets it with its first sync, and
        a program of that release leaves it out of what it adds."""
        months_of_days = (month for month in months if (DAY, month) in self.counts)
        return self.is_derived_as_now and all((DETAIL, month) in self.counts for month in months_of_days)

    def attribution_files(self, first: str, last: str | None = None) -> tuple[str, ...]:
        """Of the months ('yyyy-mm') from `first` to `last`, both inclusive; without `last` to the newest."""
        months = (month for month in sorted(self.attributions) if first <= month <= (last or month))
        return tuple(path for month in months for path in self.attributions[month])


def by_partition(paths: Iterable[str], *columns: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Files of a table by the values of the columns that it is partitioned by."""
    found: dict[tuple[str, ...], list[str]] = {}
    for path in sorted(paths):
        values = partition_values(path)
        found.setdefault(tuple(values[column] for column in columns), []).append(path)
    return {key: tuple(of_key) for key, of_key in found.items()}


def partition_values(path: str) -> dict[str, str]:
    """The partition of a file, as its folders say."""
    return {name: unquote(value) for name, _, value in (part.partition("=") for part in path.split("/")) if value}
