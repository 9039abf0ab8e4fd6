"""The lake: Delta tables in a folder or under an s3:// prefix, opened, appended to and replaced by atomic commits."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import unquote

import polars as pl
from deltalake import (
    DeltaTable,
    Schema,
    Transaction,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.table import FilePruningPredicateType
from deltalake.transaction import AddAction, RemoveAction

from analytics_core.errors import lake_unavailable
from analytics_core.store.commit_hooks import AFTER_COMMIT, commit_properties
from analytics_core.store.commit_log import (
    REARRANGED,
    Commit,
    ForgottenCommitError,
    commits,
    logged_versions,
    read_commit,
)
from analytics_core.store.commit_time import Stamp
from analytics_core.store.derivation import DERIVATION_VERSION, derivation_of
from analytics_core.store.driver_errors import CommitConflictError, translated
from analytics_core.store.lake_format import check_format, table_properties
from analytics_core.store.lake_place import check_lake, partition_names, table_uri
from analytics_core.store.lake_tables import (
    ATTRIBUTIONS,
    CLICK_COUNTS,
    CLICKS,
    CONVERSIONS,
    COVERAGE,
    UTC_MICROSECONDS,
    TableSpec,
    delta_schema,
)
from analytics_core.store.object_storage import holds_objects, is_object_url, log_options, scan_options
from analytics_core.store.parts import Part, write_parts
from analytics_core.store.single_flight import SingleFlight
from analytics_core.store.snapshot import Snapshot, by_partition
from analytics_core.store.tally import tally_of

_APPENDED: Final = "appended"  # a transaction whose version is that of the newest commit which appended rows


class _OpenedTable(DeltaTable):
    """Knows by which options it was opened: it keeps the keys among them for good."""

    def __init__(self, table_uri: str, version: int | None = None, storage_options: dict[str, str] | None = None):
        super().__init__(table_uri, version=version, storage_options=storage_options)
        self.opened_by = storage_options


class Lake:
    """Opens the tables of one lake. Safe to share between threads; processes meet in Delta's commits only."""

    def __init__(self, url: str) -> None:
        """Raises SettingsError for a place in which a lake would not work."""
        check_lake(url)
        self.url = url.rstrip("/")
        self.is_remote = is_object_url(url)
        self._lock = threading.Lock()
        self._kept: dict[str, DeltaTable] = {}
        self._snapshot: tuple[tuple[int, int, int], Snapshot] | None = None
        self._newest = SingleFlight(self._newest_snapshot)
        self._holds_counts = SingleFlight(partial(self.has_table, CLICK_COUNTS))

    def uri(self, spec: TableSpec) -> str:
        return f"{self.url}/{spec.name}"

    def open(self, spec: TableSpec) -> DeltaTable:
        """The newest version of a table; an empty one is made where there is none yet."""
        try:
            return _OpenedTable(table_uri(self.uri(spec)), storage_options=log_options(self.url))
        except TableNotFoundError:
            return self._create(spec)
        except (DeltaError, OSError) as error:
            raise lake_unavailable(error) from error

    def check(self) -> None:
        """Raises StoreUnavailableError when the counts that were there once are there no more. Reads no log.

        delta-rs' own `is_deltatable` would stop every thread of the process until the store answers.
        """
        if not self._holds_counts():
            raise lake_unavailable(TableNotFoundError(self.uri(CLICK_COUNTS)))

    def at(self, spec: TableSpec, version: int) -> DeltaTable:
        """A table as it was after the commit `version`; at 0 it is empty. Raises ForgottenCommitError when its log was
        cleaned of that."""
        try:
            return _OpenedTable(table_uri(self.uri(spec)), version=version, storage_options=log_options(self.url))
        except TableNotFoundError as error:  # also of a table that is there, when the log does not reach back so far
            if version > 0 or self.has_table(spec):
                raise ForgottenCommitError(self.uri(spec), version) from error
            return self._create(spec)
        except (DeltaError, OSError) as error:
            raise lake_unavailable(error) from error

    def has_table(self, spec: TableSpec) -> bool:
        """Whether somebody made the table; `open` would."""
        try:
            return holds_objects(f"{self.uri(spec)}/_delta_log")
        except OSError as error:
            raise lake_unavailable(error) from error

    def _create(self, spec: TableSpec) -> DeltaTable:
        try:
            return _OpenedTable.create(
                table_uri(self.uri(spec)),
                schema=Schema.from_arrow(delta_schema(spec)),
                mode="ignore",
                partition_by=list(spec.partition_by),
                configuration=table_properties(spec),
                raise_if_key_not_exists=False,  # it is our own
                storage_options=log_options(self.url),
            )
        except CommitFailedError:  # another process made it at the same moment
            return _OpenedTable(table_uri(self.uri(spec)), storage_options=log_options(self.url))
        except (DeltaError, OSError) as error:
            raise lake_unavailable(error) from error

    def has_current_keys(self, table: DeltaTable) -> bool:
        """Whether the table was opened by the keys of now; temporary ones may end before it is used again."""
        return isinstance(table, _OpenedTable) and table.opened_by == log_options(self.url)

    def _by_current_keys(self, table: DeltaTable, spec: TableSpec) -> DeltaTable:
        """The same version of the table, opened again when it has other keys: a run may take hours."""
        return table if self.has_current_keys(table) else self.at(spec, table.version())

    def append(
        self,
        table: DeltaTable,
        spec: TableSpec,
        frame: pl.DataFrame,
        *,
        learnt: Stamp | None = None,
        transactions: Sequence[Transaction] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Commits `frame` on top of exactly the version that `table` shows; the new version. `table` stays as it was.

        `learnt`: the stamp of rows that `asOf` is asked about; a column of theirs then.

        Raises CommitConflictError when any other commit came in between, so that what was decided by reading the
        table (duplicates, the next batch number) is decided again; and when there was an answer as of the stamp or
        later. Raises LakeFormatError when a newer program has made more of the table.
        """
        check_format(table, spec)
        said = [*transactions, Transaction(_APPENDED, table.version() + 1)]
        if learnt is not None:
            frame = frame.with_columns(learnt_at=pl.lit(learnt.at, dtype=UTC_MICROSECONDS))
            said.append(learnt.transaction())
        rows = _in_columns(frame, spec)
        with translated():
            parts = write_parts(self.uri(spec), spec, rows)
            with _kept(learnt):
                self._by_current_keys(table, spec).create_write_transaction(
                    parts,
                    "append",
                    table.schema(),
                    list(spec.partition_by),
                    commit_properties=commit_properties(said, metadata),
                    post_commithook_properties=AFTER_COMMIT,
                )
        return table.version() + 1

    def write(self, spec: TableSpec, frame: pl.DataFrame) -> list[AddAction | RemoveAction]:
        """Writes rows as files of a table, which hold nothing for a reader until `replace` commits them."""
        with translated():
            return write_parts(self.uri(spec), spec, _in_columns(frame, spec))

    def replace(
        self,
        table: DeltaTable,
        spec: TableSpec,
        written: Sequence[AddAction | RemoveAction],
        *,
        transactions: Sequence[Transaction] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Like `append`, but all rows of the table give way to those of the files that `write` gave."""
        check_format(table, spec)
        with translated():
            self._by_current_keys(table, spec).create_write_transaction(
                list(written),
                "overwrite",
                table.schema(),
                list(spec.partition_by),
                commit_properties=commit_properties(transactions, metadata),
                post_commithook_properties=AFTER_COMMIT,
            )
        return table.version() + 1

    def rearrange(
        self,
        table: DeltaTable,
        spec: TableSpec,
        parts: Iterable[Part],
        frames: Iterable[pl.DataFrame],
        *,
        transactions: Sequence[Transaction] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Like `append`, but `parts` of the table give way to `frames`, which say the same.

        Frames are written one at a time. delta-rs' own `optimize` is no way to do this: two at once double the rows.
        """
        check_format(table, spec)
        with translated():
            written = [
                part
                for frame in frames
                for part in write_parts(self.uri(spec), spec, _in_columns(frame, spec), has_news=False)
            ]
            self._by_current_keys(table, spec).create_write_transaction(
                [*written, *(part.removal() for part in parts)],
                "append",
                table.schema(),
                list(spec.partition_by),
                commit_properties=commit_properties(transactions, {**(metadata or {}), REARRANGED: "true"}),
                post_commithook_properties=AFTER_COMMIT,
            )
        return table.version() + 1

    def scan(self, table: DeltaTable, spec: TableSpec, files: Sequence[str] | None = None) -> pl.LazyFrame:
        """A lazy frame over `files` (default: all) of the version that `table` shows, partition columns included."""
        return self.scan_files(spec, files_of(table) if files is None else files)

    def scan_files(self, spec: TableSpec, paths: Sequence[str]) -> pl.LazyFrame:
        """A lazy frame over files of a table, partition columns included."""
        if not paths:
            return pl.LazyFrame(schema=spec.schema)
        partitions = {name: kind for name, kind in spec.columns.items() if name in spec.partition_by}
        beside = dict.fromkeys(partition_names(self.url), pl.String)
        frame = pl.scan_parquet(
            list(paths),
            glob=False,
            schema=spec.stored,
            missing_columns="insert",
            extra_columns="ignore",  # of a newer program
            hive_partitioning=bool(partitions),
            hive_schema={**beside, **partitions} if partitions else None,
            **scan_options(self.url),
        )
        return frame.select(list(spec.columns))

    def snapshot(self) -> Snapshot:
        """The newest consistent version. Costs one look at each log when nothing changed, shared by all who ask."""
        return self._newest()

    def _newest_snapshot(self) -> Snapshot:
        """What followed clicks is looked at first: ingest moves clicks between segments before it says why."""
        with self._lock:
            attributions = self._current(ATTRIBUTIONS)
            counts, coverage = self._current(CLICK_COUNTS), self._current(COVERAGE)
            versions = (counts.version(), coverage.version(), attributions.version())
            if self._snapshot is None or self._snapshot[0] != versions:
                made = self._read_snapshot(counts, coverage, attributions)
                self._snapshot = (versions, replace(made, has_lost_rollups=self._has_lost_rollups(made, counts)))
            return self._snapshot[1]

    def _read_snapshot(self, counts: DeltaTable, coverage: DeltaTable, attributions: DeltaTable) -> Snapshot:
        derivation = self.derivation(counts)
        days = by_partition(files_of(counts), "grain", "month")
        months = by_partition(files_of(attributions), "month")
        return Snapshot(
            data_version=_derived_from(counts),
            list_version=None if derivation is None else derivation["list_version"],
            is_derived_as_now=derivation is not None and derivation["derivation"] == DERIVATION_VERSION,
            counts={(grain, month): paths for (grain, month), paths in days.items()},
            coverage=tuple(sorted(files_of(coverage))),
            attributions={month: paths for (month,), paths in months.items()},
            attributions_version=self.newest_append(ATTRIBUTIONS, attributions) if months else -1,
            versions=(counts.version(), coverage.version(), attributions.version()),
            tallies={
                spec.name: tally
                for rollup, spec in ((counts, CLICKS), (attributions, CONVERSIONS))
                if (tally := tally_of(rollup, spec)) is not None
            },
        )

    def forget(self) -> None:
        """The next snapshot is read from the beginning: a table that was made anew has another past."""
        with self._lock:
            self._kept.clear()
            self._snapshot = None

    def _has_lost_rollups(self, made: Snapshot, counts: DeltaTable) -> bool:
        """Whether the counts know conversions of which nothing is there."""
        known = counts.transaction_version(CONVERSIONS.name) or 0
        return not made.attributions and self.held_rows_at(CONVERSIONS, known)

    def held_rows_at(self, spec: TableSpec, version: int) -> bool:
        """Whether a table to which rows are only appended held any after the commit `version`. A version alone says
        little: not every commit brings rows. Where the log forgot it, whether nothing was appended since then, and
        something before."""
        if version <= 0:
            return False
        try:
            return bool(files_of(self.at(spec, version)))
        except ForgottenCommitError:
            table = self.open(spec)
            return bool(files_of(table)) and self.newest_append(spec, table) <= version

    def _current(self, spec: TableSpec) -> DeltaTable:
        table = self._kept.get(spec.name)
        if table is None or not self.has_current_keys(table):
            table = self._kept[spec.name] = self.open(spec)
            return table
        try:
            table.update_incremental()
        except (DeltaError, OSError) as error:
            del self._kept[spec.name]
            raise lake_unavailable(error) from error
        return table

    def derivation(self, counts: DeltaTable) -> dict[str, str] | None:
        """How the roll-ups were derived, by which lists and segment rules; None when they hold nothing."""
        return derivation_of(counts, self.uri(CLICK_COUNTS))

    def said_of(self, spec: TableSpec, table: DeltaTable) -> dict[str, str]:
        """What a commit on top of `table` that changes no number says all the same, so that readers need to look at the
        newest commit alone."""
        return (self.derivation(table) or {}) if spec is CLICK_COUNTS else {}

    def commit(self, spec: TableSpec, version: int) -> Commit:
        """What a commit of a table says. Raises ForgottenCommitError when the table's log was cleaned of it."""
        return read_commit(self.uri(spec), version)

    def commits(self, spec: TableSpec, versions: Sequence[int]) -> Generator[Commit]:
        """These commits of a table, in this order. Raises like `commit`."""
        return commits(self.uri(spec), versions)

    def logged_versions(self, spec: TableSpec, first: int, last: int) -> list[int]:
        """The versions of a table from `first` to `last`, both inclusive, whose commits its log holds, upwards."""
        return logged_versions(self.uri(spec), first, last)

    def newest_append(self, spec: TableSpec, table: DeltaTable) -> int:
        """The last commit, up to the version that `table` shows, that appended rows; commits that only rearrange files
        do not count. Of a table that nobody appended to since commits say so, the log is asked, and may have forgotten.
        """
        said = table.transaction_version(_APPENDED)
        if said is not None:
            return said
        try:
            looked_at = (self.commit(spec, version) for version in range(table.version(), -1, -1))
            return next((one.version for one in looked_at if one.is_append), table.version())
        except ForgottenCommitError:
            return table.version()


def files_of(table: DeltaTable, where: FilePruningPredicateType | None = None) -> list[str]:
    """The files of the version that `table` shows, as they are called in the folder or bucket; `where`: of which
    partitions, as [(column, operator, value)]."""
    found = table.file_uris(file_pruning_predicate=where) if where else table.file_uris()
    spelled = table.table_uri.removeprefix("file://")  # percent-encoded, as is the beginning of every name found
    return [unquote(spelled) + uri[len(spelled) :] for uri in found]


def _in_columns(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    if frame.schema == spec.schema:
        return frame
    return frame.select(pl.col(name).cast(kind) for name, kind in spec.columns.items())


@contextmanager
def _kept(learnt: Stamp | None) -> Generator[None]:
    """No answer as of the stamp or later is read during the block; there was none before either."""
    if learnt is None:
        yield
        return
    with learnt.horizon.kept_from(learnt.at) as is_ahead:
        if not is_ahead:
            raise CommitConflictError(f"There was an answer as of {learnt.at} or later.")
        yield


def _derived_from(counts: DeltaTable) -> int:
    version = counts.transaction_version(CLICKS.name)
    return -1 if version is None else version
