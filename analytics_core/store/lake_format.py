"""The format of a lake: which columns its tables have, and a number for what columns do not show.

A lake of release 0.1.0 says no number, which is format 1. `clicks` carries the number in its table properties.
"""

from __future__ import annotations

from typing import Final

from deltalake import DeltaTable, Field, Schema

from analytics_core.errors import LakeFormatError
from analytics_core.store.lake_tables import CLICKS, TableSpec, delta_schema

# Raise it when a program of the older format would write something wrong, though it knows all the columns. A new column
# needs no new number: who does not know the column does not write to the table.
LAKE_FORMAT: Final = 2
FORMAT_PROPERTY: Final = "clickledger.lakeFormat"
_FORMAT_OF_0_1_0: Final = 1
# Whoever opens a table, or commits to it, reads each commit since the last checkpoint: with the 100 of delta-rs that
# takes up to ten times as long as right after one.
CHECKPOINT_INTERVAL: Final = "delta.checkpointInterval"
CHECKPOINTS: Final = {CHECKPOINT_INTERVAL: "20"}


def format_of(clicks: DeltaTable) -> int:
    """The number of the format that `clicks` carries."""
    return int(clicks.metadata().configuration.get(FORMAT_PROPERTY, _FORMAT_OF_0_1_0))


def table_properties(spec: TableSpec) -> dict[str, str | None]:
    """What a new table is made with."""
    return {**CHECKPOINTS, **({FORMAT_PROPERTY: str(LAKE_FORMAT)} if spec is CLICKS else {})}


def missing_fields(table: DeltaTable, spec: TableSpec) -> list[Field]:
    """The columns of `spec` that the version which `table` shows does not have yet."""
    there = {field.name for field in table.schema().fields}
    return [field for field in Schema.from_arrow(delta_schema(spec)).fields if field.name not in there]


def check_format(table: DeltaTable, spec: TableSpec) -> None:
    """Raises LakeFormatError when this program must not write to the table: a newer one made more of it, or it lacks
    a column that it had from its first day."""
    if spec is CLICKS and (found := format_of(table)) > LAKE_FORMAT:
        raise LakeFormatError(
            f"The lake must be of format {LAKE_FORMAT} or older; got format {found}, which a newer Clickledger wrote. "
            "Nothing was written: run that version, or a newer one."
        )
    names = [field.name for field in table.schema().fields]
    unknown = [name for name in names if name not in spec.columns]
    if unknown:
        raise LakeFormatError(
            f"The table {spec.name} must have columns that this version knows; got {', '.join(unknown)}, which a newer "
            "Clickledger added. Nothing was written: run that version, or a newer one."
        )
    lost = [name for name in spec.columns if name not in names and name not in spec.later]
    if lost:
        raise LakeFormatError(
            f"The table {spec.name} must have the column {lost[0]}; it has {', '.join(names)}. Nothing was written: "
            "name a lake of Clickledger with CLICKLEDGER_LAKE."
        )
