"""The files of one commit: one a partition, with the partition's rows in their order, however the rows stood."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from deltalake.transaction import AddAction
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_core.store.lake_tables import TableSpec
from analytics_core.store.parts import write_parts

SPEC = TableSpec(
    "counts",
    {"grain": pl.String, "month": pl.String, "place": pl.Int64},
    partition_by=("grain", "month"),
    bounds=("place",),
)
ROWS = st.lists(st.tuples(st.sampled_from(["day", "detail"]), st.sampled_from(["2026-01", "2026-02"])), max_size=12)


@settings(deadline=None)
@given(ROWS, st.booleans())
def test_every_partition_is_one_file_with_its_rows_in_their_order(rows: list[tuple[str, str]], is_sorted: bool) -> None:
    keys = sorted(rows) if is_sorted else rows
    wanted: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        wanted[key].append(place)
    frame = pl.DataFrame([(*key, place) for place, key in enumerate(keys)], schema=SPEC.schema, orient="row")

    with TemporaryDirectory() as folder:
        actions = [one for one in write_parts(folder, SPEC, frame) if isinstance(one, AddAction)]
        written = {
            (one.partition_values["grain"], one.partition_values["month"]): pl.read_parquet(
                Path(folder, one.path), hive_partitioning=False
            )
            for one in actions
        }

    assert len(actions) == len(written)
    assert {key: rows.to_dict(as_series=False) for key, rows in written.items()} == {
        key: {"place": places} for key, places in wanted.items()
    }
