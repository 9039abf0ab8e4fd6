"""Lakes of many clicks for the query benchmark: roll-ups derived by the product's own code from generated clicks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import Transaction

from analytics_core.store.database import Database
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICK_COUNTS, CLICKS, COVERAGE
from benchmarks.report import note
from ingest.accounts.accounts_file import AccountsFile, load_accounts
from ingest.classify import LIST_VERSION
from ingest.rollups.click_counts import DAY, QUARTER_HOUR, count_clicks, cover, merge_counts

HANDLES = 20_000
DAYS = 365
END = datetime(2026, 11, 1, tzinfo=UTC)
CHUNK = 2_500_000  # clicks generated at a time


def handle_name(rank: int) -> str:
    return f"h{rank:05}"


def build_lake(folder: Path, clicks: int) -> tuple[Lake, Database]:
    """A lake of one year of clicks, made once: handles with Zipf's shares, links, countries and referrers likewise."""
    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        started = time.monotonic()
        _fill(Lake(str(folder / "lake")), clicks)
        _load_handles(Database(f"sqlite:///{folder / 'db.sqlite'}"))
        done.touch()
        note(f"lake of {clicks:,} clicks built in {time.monotonic() - started:.0f} s")
    return Lake(str(folder / "lake")), Database(f"sqlite:///{folder / 'db.sqlite'}")


def _fill(lake: Lake, clicks: int) -> None:
    rng = np.random.default_rng(clicks)
    table = lake.open(CLICK_COUNTS)
    coverage: list[pl.DataFrame] = []
    for number, (start, end) in enumerate(_months()):
        share = round(clicks * ((end - start) / timedelta(days=DAYS)))
        parts = [
            count_clicks(_clicks(rng, min(CHUNK, share - done), start, end).lazy().with_columns(segment=pl.lit("new")))
            for done in range(0, share, CHUNK)
        ]
        every = pl.concat(parts).lazy()
        counts = pl.concat([merge_counts(every.filter(pl.col("grain") == grain)) for grain in (DAY, QUARTER_HOUR)])
        del parts, every
        coverage.append(cover(counts.filter(pl.col("grain") == QUARTER_HOUR)))
        transaction = Transaction(CLICKS.name, number)
        lake.append(table, CLICK_COUNTS, counts, transactions=[transaction], metadata={"list_version": LIST_VERSION})
        table = lake.open(CLICK_COUNTS)
        note(f"{start:%Y-%m}: {share:,} clicks in {counts.height:,} roll-up rows")
    first = pl.concat(coverage).group_by("handle", "dimension").agg(pl.col("from_day").min())
    lake.append(lake.open(COVERAGE), COVERAGE, first.sort("handle", "dimension"))


def _months() -> Iterator[tuple[datetime, datetime]]:
    start = END - timedelta(days=DAYS)
    while start < END:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield start, min(following, END)
        start = following


def _zipf(size: int, power: float = 1.0) -> np.ndarray:
    weights = 1 / np.arange(1, size + 1) ** power
    return np.cumsum(weights / weights.sum())


def _pick(rng: np.random.Generator, cumulated: np.ndarray, count: int) -> np.ndarray:
    return np.searchsorted(cumulated, rng.random(count)).clip(max=len(cumulated) - 1)


def _clicks(rng: np.random.Generator, count: int, start: datetime, end: datetime) -> pl.DataFrame:
    """Judged clicks, as `derive.count_clicks` takes them."""
    names = pl.Series([handle_name(rank) for rank in range(HANDLES)])
    slugs = pl.Series([f"link-{number:03}" for number in range(200)])
    countries = pl.Series([f"{a}{b}" for a in "ABCDEFGH" for b in "ABCDEFGH"])
    hosts = pl.Series([f"l.site{number:02}.com" for number in range(60)])
    domains = pl.Series([f"site{number % 40:02}.com" for number in range(60)])
    devices = pl.Series(["MOBILE", "DESKTOP", "TABLET", "UNKNOWN", "BOT"])
    device = _pick(rng, np.cumsum([0.55, 0.28, 0.03, 0.02, 0.12]), count)
    slug = _pick(rng, _zipf(len(slugs)), count)
    host = _pick(rng, _zipf(len(hosts)), count)
    seconds = rng.integers(int(start.timestamp()), int(end.timestamp()), count)
    return pl.DataFrame(
        {
            "handle": names.gather(_pick(rng, _zipf(HANDLES), count)),
            "at": pl.Series(seconds * 1_000_000).cast(pl.Datetime("us", "UTC")),
            "slug": slugs.gather(slug),
            "campaign_id": pl.Series([f"campaign-{number}" for number in range(5)]).gather(slug % 5),
            "country": countries.gather(_pick(rng, _zipf(len(countries)), count)),
            "device": devices.gather(device),
            "bot_rule": pl.Series([None, None, None, None, "isbot:bot"]).gather(device),
            "referrer": domains.gather(host),
            "referrer_host": hosts.gather(host),
        }
    )


def _load_handles(database: Database) -> None:
    ranks = (0, HANDLES // 100, HANDLES - 1)
    entries = [
        {"handle": handle_name(rank), "plan": "PRO", "planSince": "2026-01-01T00:00:00Z"} for rank in sorted(ranks)
    ]
    load_accounts(database, AccountsFile.model_validate({"handles": entries}), "clickledger.localhost", END)
