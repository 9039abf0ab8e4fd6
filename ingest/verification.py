"""Proves the books: the identity balances, the ledger agrees with the lake, the roll-ups with the facts."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from deltalake import DeltaTable
from sqlalchemy import Connection, Table, select

from analytics_core.model import SegmentRules
from analytics_core.store import tables
from analytics_core.store.database import Database
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICK_COUNTS, CLICKS, DAY, DETAIL, QUARTER_HOUR
from ingest.clicks.balance import BUCKETS
from ingest.clicks.duplicates import beyond_midnight, is_compared, of_several_handles
from ingest.clicks.user_agents import UserAgents
from ingest.rollups.attribution_rows import in_force
from ingest.rollups.catch_up import unjudged_agents, versions_of
from ingest.rollups.rebuild import day_of, files_by_month, from_scratch


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so, whether it is, and the numbers behind it."""

    name: str
    holds: bool
    detail: str


def verify(lake: Lake, database: Database, agents: UserAgents, rules: SegmentRules) -> list[Check]:
    """Reads every fact once, day by day, so that memory does not grow with the lake.

    A sync that runs meanwhile is no fault: every check looks at one version of the lake, and knows what is written down
    after it.
    """
    clicks = lake.open(CLICKS)  # before the ledger, which a batch reaches after the lake
    return [*_check_identity(database), _check_batches(lake, clicks, database), *_check_rollups(lake, agents, rules)]


def _check_identity(database: Database) -> list[Check]:
    """Every batch balances, so does each of its days, and the days add up to the batch."""
    batch, day = tables.batches, tables.batch_days
    whole = pl.sum_horizontal(BUCKETS)
    with database.connect() as connection:  # one statement each, of which the first sees no batch without its days
        batches = _counts(connection, batch)
        days = _counts(connection, day)
    sums = days.group_by("source", "number").agg(pl.col("lines", *BUCKETS).sum())
    off = {
        "out of balance": batches.filter(pl.col("lines") != whole).height,
        "days out of balance": days.filter(pl.col("lines") != whole).height,
        "other than their days": batches.join(sums, on=batches.columns, how="anti").filter(pl.col("lines") > 0).height,
    }
    said = ", ".join(f"{name}: {count}" for name, count in off.items())
    return [Check("identity", not any(off.values()), f"batches: {batches.height}, {said}")]


def _counts(connection: Connection, table: Table) -> pl.DataFrame:
    names = ["source", "number", "lines", *BUCKETS]
    rows = connection.execute(select(*(table.c[name] for name in names))).all()
    schema = {name: pl.String if name == "source" else pl.Int64 for name in names}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def _check_batches(lake: Lake, clicks: DeltaTable, database: Database) -> Check:
    """Every batch that the ledger knows has brought as many clicks as the lake holds of it.

    Batches that came after the version that is looked at are left out, and those that the lake holds and the ledger
    will know soon: after the last one of their source.
    """
    batch = tables.batches
    with database.connect() as connection:
        rows = connection.execute(select(batch.c.source, batch.c.number, batch.c.clicks, batch.c.lake_version)).all()
    schema = {"source": pl.String, "batch": pl.Int64, "recorded": pl.Int64, "version": pl.Int64}
    ledger = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
    recorded = ledger.filter((pl.col("recorded") > 0) & (pl.col("version") <= clicks.version())).drop("version")
    stored = (
        lake.scan(clicks, CLICKS)
        .group_by("source", "batch")
        .agg(stored=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )
    last = ledger.group_by("source").agg(last=pl.col("batch").max())
    both = recorded.join(stored, on=["source", "batch"], how="full", coalesce=True).join(last, on="source", how="left")
    is_to_come = pl.col("recorded").is_null() & (pl.col("batch") > pl.col("last").fill_null(0))
    to_come = both.filter(is_to_come).height
    compared = both.filter(~is_to_come)
    off = compared.filter(pl.col("recorded").fill_null(0) != pl.col("stored").fill_null(0)).height
    total = int(both["stored"].sum())
    said = f"{total} clicks; batches compared: {compared.height}, differing: {off}"
    said += f", not yet in the ledger: {to_come}" if to_come else ""
    missing = ledger.filter(pl.col("version") > lake.open(CLICKS).version()).height  # now that the ledger was read
    said += f", lost from the lake: {missing}" if missing else ""
    return Check("batches", off == missing == 0, said)


def _check_rollups(lake: Lake, agents: UserAgents, rules: SegmentRules) -> list[Check]:
    """The roll-ups say what follows from the facts up to the versions that they carry: they may lag, not differ.

    News that change no attribution leave the versions that those carry as they were.
    """
    counts, attributions = lake.open(CLICK_COUNTS), lake.open(ATTRIBUTIONS)
    counted, ahead = versions_of(counts), versions_of(attributions)
    scratch = from_scratch(lake, agents, rules, counted)
    of_attributions = from_scratch(lake, agents, rules, ahead) if ahead.is_ahead_of(counted) else scratch
    clicks = scratch.clicks
    differing: list[str] = []
    for month, files in files_by_month(clicks).items():
        derived = scratch.count_days(files)
        pruned = files_of(counts, [("month", "=", month)])
        held = lake.scan(counts, CLICK_COUNTS, pruned).collect()
        differing += [f"{month} {grain}" for grain in (QUARTER_HOUR, DAY, DETAIL) if not _same(derived, held, grain)]
    return [
        _check_unique(lake, clicks),
        _check_verdicts(lake, clicks, agents),
        Check("rollups", not differing, ", ".join(differing) or "equal to the facts, key by key"),
        _check_attributions(lake, attributions, of_attributions.attributions),
    ]


def _check_verdicts(lake: Lake, clicks: DeltaTable, agents: UserAgents) -> Check:
    """Every agent of a click was judged by the lists in force: a bot that was not would count as a person."""
    unjudged = unjudged_agents(lake.scan(clicks, CLICKS), agents.verdicts()).height
    return Check("verdicts", unjudged == 0, f"agents of clicks without a verdict: {unjudged}")


def _check_unique(lake: Lake, clicks: DeltaTable) -> Check:
    """No request is counted twice within a day, nor on both sides of a midnight, unless release 0.1.0 put it
    there: it did not look beyond midnight, nor at other handles, and facts are not taken back."""
    twice = old = of_others = 0
    same_handle = pl.struct("handle", "day", "event_id").n_unique()
    same_day = pl.struct("day", "event_id").n_unique()
    before: list[str] = []  # the files of the last day of the month before
    for month, files in files_by_month(clicks).items():
        facts = lake.scan(clicks, CLICKS, files)
        found = facts.select(alike=pl.len() - same_handle, others=same_handle - same_day).collect(engine="streaming")
        twice += found.item(0, "alike")
        if found.item(0, "others"):
            shared = of_several_handles(facts).collect(engine="streaming")
            compared = shared.filter(is_compared(clicks)).height
            twice, of_others = twice + compared, of_others + shared.height - compared
        across = beyond_midnight(lake.scan(clicks, CLICKS, [*before, *files]))
        of_month = across.filter(pl.col("midnight").dt.strftime("%Y-%m") == month).collect(engine="streaming")
        compared = of_month.filter(is_compared(clicks)).height
        twice, old = twice + compared, old + of_month.height - compared
        before = [path for path in files if day_of(path) == day_of(files[-1])]
    said = f"{twice} clicks are counted twice"
    if old:
        said += f"; requests that release 0.1.0 counted before and after a midnight: {old}"
    if of_others:
        said += f"; requests that release 0.1.0 counted for several handles: {of_others}"
    return Check("unique", twice == 0, said)


def _same(derived: pl.DataFrame, held: pl.DataFrame, grain: str) -> bool:
    keys = [name for name in CLICK_COUNTS.columns if name not in ("clicks", "bot_clicks")]
    sums = [pl.col("clicks").sum(), pl.col("bot_clicks").sum()]
    summed = [frame.filter(pl.col("grain") == grain).group_by(keys).agg(sums) for frame in (derived, held)]
    left = [frame.filter((pl.col("clicks") != 0) | (pl.col("bot_clicks") != 0)).sort(keys) for frame in summed]
    return left[0].equals(left[1])


def _check_attributions(lake: Lake, attributions: DeltaTable, derived: pl.DataFrame) -> Check:
    held = lake.scan(attributions, ATTRIBUTIONS)
    one, other = (in_force(rows).drop("learnt_at").sort("handle", "event_id") for rows in (derived.lazy(), held))
    holds = one.equals(other)
    return Check("attributions", holds, f"{other.height} in force" if holds else f"{other.height}, not {one.height}")
