"""Grouping by packed keys gives what grouping by the columns gives, in their order."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.rollups.packed_keys import coded, group_sorted, sort_packed

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "B", "", "é", None]),
        st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 2),
        st.sampled_from(["x", None]),
        st.integers(-5, 5),
    ),
    max_size=40,
)
SCHEMA = {"word": pl.String, "number": pl.Int32, "other": pl.String, "weight": pl.Int64}
KEYS = ["number", "word", "other"]
SUMS = [pl.col("weight").sum(), pl.len().alias("rows")]


@settings(deadline=None)
@given(ROWS)
def test_packed_keys_group_and_sort_as_their_columns_do(rows: list[tuple[str | None, int, str | None, int]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    grouped = group_sorted(coded(frame, ["word", "other"]), KEYS, SUMS).cast({"word": pl.String, "other": pl.String})
    plain = frame.group_by(KEYS).agg(SUMS).sort(KEYS)
    assert grouped.rows() == plain.rows()


@pytest.mark.parametrize("columns", [1, 2, 3, 5])
def test_keys_that_fit_into_no_single_integer_are_packed_into_several(columns: int) -> None:
    wide = {f"key{place}": [2**62, -(2**61), 2**62, 0, 2**62] for place in range(columns)}
    frame = pl.DataFrame({**wide, "weight": [1, 2, 3, 4, 5]}, schema_overrides=dict.fromkeys(wide, pl.Int64))
    grouped = group_sorted(frame, list(wide), SUMS)
    assert grouped.rows() == frame.group_by(list(wide)).agg(SUMS).sort(list(wide)).rows()
    assert grouped["weight"].to_list() == [2, 4, 9]


@settings(deadline=None)
@given(ROWS)
def test_packed_keys_sort_as_their_columns_do(rows: list[tuple[str | None, int, str | None, int]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").with_columns(
        at=pl.from_epoch(pl.col("number").cast(pl.Int64), "us"), day=pl.from_epoch("weight", "d")
    )
    keys = ["day", "word", "at"]
    found = sort_packed(coded(frame, ["word"]), keys).cast({"word": pl.String})
    assert found.select(keys).rows() == frame.select(keys).sort(keys).rows()
    assert sorted(map(repr, found.rows())) == sorted(map(repr, frame.rows()))


@pytest.mark.parametrize("numbers", [[1, None], [-(2**63), 2**63 - 1]])
def test_numbers_that_cannot_be_packed_are_no_keys(numbers: list[int | None]) -> None:
    frame = pl.DataFrame({"number": numbers, "weight": [1, 2]}, schema_overrides={"number": pl.Int64})
    with pytest.raises(AssertionError):
        group_sorted(frame, ["number"], SUMS)
    with pytest.raises(AssertionError):
        sort_packed(frame, ["number"])
