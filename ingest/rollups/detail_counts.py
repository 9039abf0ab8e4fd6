"""The detail grain of the roll-up: a second cube, of UTC days, in the dimensions that the first one leaves out.

In one cube with the others they would multiply each other's rows. Link and campaign stand in both, as filters.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from analytics_core.dimensions import DETAIL_COLUMNS, DETAIL_FILTERS
from analytics_core.metrics import sums_of
from analytics_core.slots import SLOTS_PER_DAY
from analytics_core.store.lake_tables import DETAIL
from ingest.rollups.count_rows import as_counts, with_month
from ingest.rollups.packed_keys import coded, group_sorted

_WORDS: Final = ("handle", *DETAIL_FILTERS, *DETAIL_COLUMNS)
_ORDER: Final = ["month", "handle", "slot", *DETAIL_FILTERS, *DETAIL_COLUMNS]  # of rows in files
_SUMS: Final = [pl.col(name).sum() for name in sums_of("clicks")]


def count_details(clicks: pl.DataFrame) -> pl.DataFrame:
    """CLICK_COUNTS rows in the detail grain, one row a key, in the order of files.

    `clicks`: the month and the slot of each, `is_bot`, and words as codes.
    """
    first_slot = pl.col("slot") // SLOTS_PER_DAY * SLOTS_PER_DAY
    sums = [pl.len().cast(pl.Int64).alias("clicks"), pl.col("is_bot").sum().cast(pl.Int64).alias("bot_clicks")]
    return _as_counts(group_sorted(clicks.with_columns(slot=first_slot), _ORDER, sums))


def merge_details(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the detail grain, several of which may have one key, as one row a key; what was taken back is gone."""
    grouped = group_sorted(with_month(coded(rows, _WORDS)), _ORDER, _SUMS)
    return _as_counts(grouped.filter(pl.any_horizontal(pl.col(sums_of("clicks")) != 0)))


def _as_counts(grouped: pl.DataFrame) -> pl.DataFrame:
    return as_counts(grouped.with_columns(pl.col(_WORDS).cast(pl.String)), DETAIL)
