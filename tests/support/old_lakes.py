"""Lakes with the columns of an older release, and programs that know no others."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field
from polars.datatypes import DataType, DataTypeClass

from analytics_core.store import growth, lake, lake_format
from analytics_core.store.lake_tables import TableSpec

# A program that writes the columns of release 0.1.0 alone.
AS_0_1_0: Final = (
    "import sys; from support.old_lakes import columns_of_0_1_0; from ingest.__main__ import main\n"
    "with columns_of_0_1_0(): sys.exit(main(sys.argv[1:]))"
)

# A program that is killed before the n-th commit by which a lake grows, counted from 0; n is its first word.
DYING: Final = """
import os, signal, sys
from deltalake.table import TableAlterer
from ingest.__main__ import main

left = int(sys.argv.pop(1))

def dying(grow):
    def counted(*words, **said):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return grow(*words, **said)
    return counted

for name in ("add_columns", "set_table_properties"):
    setattr(TableAlterer, name, dying(getattr(TableAlterer, name)))
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def columns_of_0_1_0() -> Generator[None]:
    """Inside the block, this process makes tables and writes files with the columns of release 0.1.0, whose lakes say
    no format and leave checkpoints to delta-rs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analytics_core.store.lake._in_columns", _in_columns)
        patch.setattr(lake, "delta_schema", _schema)
        patch.setattr(growth, "missing_fields", _no_fields)
        patch.setattr(lake_format, "CHECKPOINTS", {})
        patch.setattr(growth, "_checkpoint_often", lambda *_: None)
        for module in (lake_format, growth):
            patch.setattr(module, "LAKE_FORMAT", 1)
        yield


def _columns(spec: TableSpec) -> dict[str, DataType | DataTypeClass]:
    return {name: kind for name, kind in spec.columns.items() if name not in spec.later}


def _in_columns(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in _columns(spec).items())


def _schema(spec: TableSpec) -> pa.Schema:
    return pl.DataFrame(schema=_columns(spec)).to_arrow().schema


def _no_fields(table: DeltaTable, spec: TableSpec) -> list[Field]:
    return []


def files_below(folder: Path) -> Mapping[str, bytes]:
    """Every file below a folder, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
