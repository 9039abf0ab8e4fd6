"""Which clicks are new: a request counts once, though a batch, or the lake, has several lines of it.

A request is told by its id, within one UTC day, whichever handle it is of: a host may have changed hands between two
readings of a line. Two logs of one distribution can put it on two days: the one writes whole seconds, the other
milliseconds or a clock of its own, and midnight lies between. So clicks near a midnight are also compared with those on
its other side.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import polars as pl
from deltalake import DeltaTable, Transaction

from analytics_core.store.commit_time import microseconds
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import CLICKS

# All logs say when the edge had answered, so one request's times differ by less than a second where clocks agree. AWS
# states no bound; 5 minutes are beyond any, and 1 click in 144 is that near to a midnight.
NEAR: Final = timedelta(minutes=5)

# A transaction of `clicks` whose version is the stamp of the first commit that was compared so, in microseconds: what
# release 0.1.0 committed before was compared within a day and a handle alone.
_COMPARED: Final = "midnights"
_SAME_DAY: Final = ["day", "event_id"]
_SAME_MIDNIGHT: Final = ["midnight", "event_id"]
_CONTENT: Final = ["handle", "slug", "status", "second"]


def once(clicks: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The first line of each click, and how many later ones say something else."""
    if not clicks["event_id"].is_duplicated().any():  # the usual case, seen by a look at integers alone
        return clicks, 0
    marked = clicks.with_columns(midnight=midnight())
    is_first = pl.struct(_SAME_DAY).is_first_distinct() & (
        pl.col("midnight").is_null() | pl.struct(_SAME_MIDNIGHT).is_first_distinct()
    )
    first = marked.select(is_first).to_series()
    kept = clicks.filter(first)
    return kept, _differing(clicks.filter(~first), kept)


def unknown(lake: Lake, table: DeltaTable, clicks: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The clicks (each once) that `table` does not hold yet, in their order, and how many of the others say something
    else than it does."""
    fresh, differing = _without(clicks, _stored(lake, table, clicks["day"]), _SAME_DAY)
    near = fresh.with_columns(midnight=midnight())
    of_other_days = near.drop_nulls("midnight").select(
        pl.when(pl.col("day") < pl.col("midnight")).then("midnight").otherwise(pl.col("day").dt.offset_by("-1d"))
    )
    if of_other_days.is_empty():
        return fresh, differing
    stored = _stored(lake, table, of_other_days.to_series()).with_columns(midnight=midnight())
    fresh, others = _without(near, stored.drop_nulls("midnight"), _SAME_MIDNIGHT)
    return fresh.drop("midnight"), differing + others


def compared(table: DeltaTable, stamp: datetime) -> list[Transaction]:
    """What the first commit of a lake, stamped so, says about how its clicks are compared."""
    return [] if table.transaction_version(_COMPARED) is not None else [Transaction(_COMPARED, microseconds(stamp))]


def is_compared(table: DeltaTable) -> pl.Expr:
    """Whether a click was compared with those beyond midnight and of other handles when it was committed, by its
    `learnt_at`."""
    since = table.transaction_version(_COMPARED)
    return pl.lit(value=False) if since is None else pl.col("learnt_at").to_physical() >= since


def beyond_midnight(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """One row a request that stands on both sides of a midnight; `learnt_at` is that of the line that came later."""
    return (
        clicks.select("day", "event_id", "learnt_at", midnight=midnight())
        .drop_nulls("midnight")
        .group_by(_SAME_MIDNIGHT)
        .agg(pl.col("day").n_unique().alias("days"), pl.col("learnt_at").max())
        .filter(pl.col("days") > 1)
    )


def of_several_handles(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """One row a request that several handles have on one day; `learnt_at` is that of the line that came last."""
    return (
        clicks.group_by(_SAME_DAY)
        .agg(pl.col("handle").n_unique().alias("handles"), pl.col("learnt_at").max())
        .filter(pl.col("handles") > 1)
    )


def midnight() -> pl.Expr:
    """The UTC midnight that `at` is NEAR, as the day that begins with it; null at other times."""
    before, after = (pl.col("at") - NEAR).dt.date(), (pl.col("at") + NEAR).dt.date()
    return pl.when(before != after).then(after)


def _stored(lake: Lake, table: DeltaTable, days: pl.Series) -> pl.LazyFrame:
    named = [day.isoformat() for day in days.unique().to_list()]
    files = files_of(table, [("day", "in", named)]) if named else []
    return lake.scan(table, CLICKS, files).select("handle", "day", "event_id", "slug", "status", "at")


def _without(clicks: pl.DataFrame, stored: pl.LazyFrame, keys: list[str]) -> tuple[pl.DataFrame, int]:
    """The clicks that share their `keys` with none that is stored, and how many of the others say something else."""
    held = stored.join(clicks.lazy().select(keys), on=keys, how="semi").collect(engine="streaming")
    if held.is_empty():
        return clicks, 0
    repeated = clicks.join(held, on=keys, how="semi")
    return clicks.join(held, on=keys, how="anti", maintain_order="left"), _differing(repeated, held)


def _differing(repeated: pl.DataFrame, kept: pl.DataFrame) -> int:
    """How many repeated lines say something else than the line that was kept. Standard logs have no milliseconds."""
    second = pl.col("at").dt.truncate("1s").alias("second")
    left, right = (lines.with_columns(second).select("event_id", *_CONTENT) for lines in (repeated, kept))
    return left.join(right, on=left.columns, how="anti").height
