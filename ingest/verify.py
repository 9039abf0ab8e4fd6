"""Proves the books: the identity balances, the ledger agrees with the lake, the roll-ups with the facts."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from sqlalchemy import select

from analytics_core.model import SegmentRules
from analytics_core.store import tables
from analytics_core.store.database import Database
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.schemas import ATTRIBUTIONS, CLICK_COUNTS, CLICKS
from ingest.attribute import standing
from ingest.derive import DAY, QUARTER_HOUR
from ingest.rebuild import files_by_month, from_scratch


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so, whether it is, and the numbers behind it."""

    name: str
    holds: bool
    detail: str


def verify(lake: Lake, database: Database, rules: SegmentRules) -> list[Check]:
    """Reads every fact once, day by day, so that memory does not grow with the lake."""
    return [*_check_identity(database), *_check_batches(lake, database), *_check_rollups(lake, rules)]


def _check_identity(database: Database) -> list[Check]:
    batch = tables.batches
    parts = batch.c.clicks + batch.c.not_redirects + batch.c.unknown_hosts + batch.c.invalid_slugs
    whole = parts + batch.c.duplicates + batch.c.rejected
    with database.connect() as connection:
        total = connection.execute(select(batch.c.number)).all()
        off = connection.execute(select(batch.c.source, batch.c.number).where(batch.c.lines != whole)).all()
    return [Check("identity", not off, f"batches: {len(total)}, out of balance: {len(off)}")]


def _check_batches(lake: Lake, database: Database) -> list[Check]:
    batch = tables.batches
    with database.connect() as connection:
        rows = connection.execute(select(batch.c.source, batch.c.number, batch.c.clicks)).all()
    schema = {"source": pl.String, "batch": pl.Int64, "recorded": pl.Int64}
    recorded = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row").filter(pl.col("recorded") > 0)
    stored = (
        lake.scan(lake.open(CLICKS), CLICKS)
        .group_by("source", "batch")
        .agg(stored=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )
    both = recorded.join(stored, on=["source", "batch"], how="full", coalesce=True).fill_null(0)
    off = both.filter(pl.col("recorded") != pl.col("stored")).height
    total = int(both["stored"].sum())
    return [Check("batches", off == 0, f"{total} clicks; batches compared: {both.height}, differing: {off}")]


def _check_rollups(lake: Lake, rules: SegmentRules) -> list[Check]:
    scratch, counts = from_scratch(lake, rules), lake.open(CLICK_COUNTS)
    clicks = scratch.clicks
    twice = 0
    differing: list[str] = []
    for month, files in files_by_month(clicks).items():
        identity = pl.struct("handle", "day", "event_id")
        facts = lake.scan(clicks, CLICKS, files)
        twice += facts.select(pl.len() - identity.n_unique()).collect(engine="streaming").item()
        derived = scratch.count_days(files)
        pruned = files_of(counts, [("month", "=", month)])
        held = lake.scan(counts, CLICK_COUNTS, pruned).collect()
        differing += [f"{month} {grain}" for grain in (QUARTER_HOUR, DAY) if not _same(derived, held, grain)]
    return [
        Check("unique", twice == 0, f"{twice} clicks stand twice"),
        Check("rollups", not differing, ", ".join(differing) or "equal to the facts, key by key"),
        _check_attributions(lake, scratch.attributions),
    ]


def _same(derived: pl.DataFrame, held: pl.DataFrame, grain: str) -> bool:
    keys = [name for name in CLICK_COUNTS.columns if name not in ("clicks", "bot_clicks")]
    sums = [pl.col("clicks").sum(), pl.col("bot_clicks").sum()]
    summed = [frame.filter(pl.col("grain") == grain).group_by(keys).agg(sums) for frame in (derived, held)]
    in_force = [frame.filter((pl.col("clicks") != 0) | (pl.col("bot_clicks") != 0)).sort(keys) for frame in summed]
    return in_force[0].equals(in_force[1])


def _check_attributions(lake: Lake, derived: pl.DataFrame) -> Check:
    held = lake.scan(lake.open(ATTRIBUTIONS), ATTRIBUTIONS)
    one, other = (standing(rows).drop("learnt_at").sort("handle", "event_id") for rows in (derived.lazy(), held))
    holds = one.equals(other)
    return Check("attributions", holds, f"{other.height} in force" if holds else f"{other.height}, not {one.height}")
