"""How a lake grows: before anything else is written, its tables get the columns and properties that came with later
releases.

Each table grows by commits to its metadata. No file is written again: files without a column read as null. Whoever
only reads need not wait for it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from deltalake import DeltaTable

from analytics_core.store.commit_hooks import AFTER_COMMIT, commit_properties
from analytics_core.store.commit_log import REARRANGED
from analytics_core.store.driver_errors import CommitConflictError, translated
from analytics_core.store.lake import Lake
from analytics_core.store.lake_format import (
    CHECKPOINT_INTERVAL,
    CHECKPOINTS,
    FORMAT_PROPERTY,
    LAKE_FORMAT,
    check_format,
    format_of,
    missing_fields,
)
from analytics_core.store.lake_tables import CLICKS, TABLES, TableSpec


def grow(lake: Lake) -> None:
    """Brings every table to its row in TABLES, then says so in the format of the lake. Done again it does nothing; cut
    short, or done by several processes at once, it ends the same.

    Raises LakeFormatError before anything is written when a newer program wrote to the lake.
    """
    with ThreadPoolExecutor(len(TABLES) if lake.is_remote else 1, "tables") as pool:
        tables = list(zip(TABLES, pool.map(lake.open, TABLES), strict=True))
    for spec, table in tables:
        check_format(table, spec)
    for spec, table in tables:
        _checkpoint_often(lake, spec, _add_columns(lake, spec, table))
    _say_format(lake)


def _add_columns(lake: Lake, spec: TableSpec, table: DeltaTable) -> DeltaTable:
    while missing := missing_fields(table, spec):
        with suppress(CommitConflictError), translated():  # another process may have added them
            table.alter.add_columns(
                missing,
                commit_properties=commit_properties((), lake.said_of(spec, table) | {REARRANGED: "true"}),
                post_commithook_properties=AFTER_COMMIT,
            )
        table = lake.open(spec)
        check_format(table, spec)
    return table


def _checkpoint_often(lake: Lake, spec: TableSpec, table: DeltaTable) -> None:
    """Another interval that somebody gave to the table stays."""
    while CHECKPOINT_INTERVAL not in table.metadata().configuration:
        with suppress(CommitConflictError), translated():
            table.alter.set_table_properties(
                CHECKPOINTS,
                commit_properties=commit_properties((), lake.said_of(spec, table) | {REARRANGED: "true"}),
                post_commithook_properties=AFTER_COMMIT,
            )
        table = lake.open(spec)


def _say_format(lake: Lake) -> None:
    while format_of(clicks := lake.open(CLICKS)) < LAKE_FORMAT:
        with suppress(CommitConflictError), translated():
            clicks.alter.set_table_properties(
                {FORMAT_PROPERTY: str(LAKE_FORMAT)},
                raise_if_not_exists=False,
                commit_properties=commit_properties((), {REARRANGED: "true"}),
                post_commithook_properties=AFTER_COMMIT,
            )
