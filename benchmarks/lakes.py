"""Lakes of many clicks for the query benchmark: roll-ups derived by the product's own code from generated clicks.

Of the handles that are asked about the single clicks are there too.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import Transaction

from analytics_core.model import PERSON, SegmentRules
from analytics_core.store.database import Database
from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICK_COUNTS, CLICKS, COVERAGE, DAY, DETAIL, QUARTER_HOUR, VERDICTS
from benchmarks.report import note
from ingest.accounts.accounts_file import load_accounts
from ingest.accounts.entries import AccountsFile
from ingest.classify import LIST_VERSION
from ingest.rollups.catch_up import derived_by
from ingest.rollups.click_counts import count_clicks, cover, merge_counts

HANDLES = 20_000
DAYS = 365
END = datetime(2026, 11, 1, tzinfo=UTC)
CHUNK = 2_500_000  # clicks generated at a time
RANKS = (0, HANDLES // 100, HANDLES - 1)  # of the handles that are asked about: the largest, a middle and a small one
BROWSERS = [f"Browser {number}" for number in range(20)]
SYSTEMS = ["iOS", "Android", "Windows", "macOS", "Linux", "unknown"]
DEVICES = ["MOBILE", "DESKTOP", "TABLET", "UNKNOWN", "BOT"]
PURPOSES = ["search", "preview", "training", "agent", "monitor", "library"]  # of bots, by their system


def handle_name(rank: int) -> str:
    return f"h{rank:05}"


ASKED = [handle_name(rank) for rank in RANKS]


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
    lake.append(lake.open(VERDICTS), VERDICTS, _verdicts())
    for start, end in _months():
        share = round(clicks * ((end - start) / timedelta(days=DAYS)))
        parts: list[pl.DataFrame] = []
        facts: list[pl.DataFrame] = []
        for done in range(0, share, CHUNK):
            some = _clicks(rng, min(CHUNK, share - done), start, end)
            parts.append(count_clicks(some.lazy().with_columns(segment=pl.lit("new"))))
            facts.append(_facts(rng, some.filter(pl.col("handle").is_in(ASKED))))
        lake.append(lake.open(CLICKS), CLICKS, pl.concat(facts).sort("day", "handle", "at"))
        every = pl.concat(parts).lazy()
        grains = (every.filter(pl.col("grain") == grain) for grain in (DAY, DETAIL, QUARTER_HOUR))
        counts = pl.concat([merge_counts(of_grain) for of_grain in grains])
        del parts, every, facts
        coverage.append(cover(counts))
        transaction = Transaction(CLICKS.name, lake.open(CLICKS).version())
        lake.append(
            table, CLICK_COUNTS, counts, transactions=[transaction], metadata=derived_by(LIST_VERSION, SegmentRules())
        )
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
    """Judged clicks, as `count_clicks` takes them."""
    names = pl.Series([handle_name(rank) for rank in range(HANDLES)])
    slugs = pl.Series([f"link-{number:03}" for number in range(200)])
    countries = pl.Series([f"{a}{b}" for a in "ABCDEFGH" for b in "ABCDEFGH"])
    hosts = pl.Series([f"l.site{number:02}.com" for number in range(60)])
    domains = pl.Series([f"site{number % 40:02}.com" for number in range(60)])
    device = _pick(rng, np.cumsum([0.55, 0.28, 0.03, 0.02, 0.12]), count)
    browser, system = _pick(rng, _zipf(len(BROWSERS)), count), _pick(rng, _zipf(len(SYSTEMS)), count)
    sources = pl.Series(["(none)", *(f"source-{number}" for number in range(30))])
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
            "device": pl.Series(DEVICES).gather(device),
            "bot_rule": pl.Series([None, None, None, None, "isbot:bot"]).gather(device),
            "referrer": domains.gather(host),
            "referrer_host": hosts.gather(host),
            "browser": pl.Series(BROWSERS).gather(browser),
            "os": pl.Series(SYSTEMS).gather(system),
            "trigger": pl.Series(["link", "qr"]).gather(_pick(rng, np.cumsum([0.95, 0.05]), count)),
            "utm_source": sources.gather(_pick(rng, _zipf(len(sources)), count)),
            "utm_medium": sources.gather(_pick(rng, _zipf(len(sources)), count)),
            "utm_campaign": sources.gather(_pick(rng, _zipf(len(sources)), count)),
            "bot_purpose": pl.Series([PERSON, *PURPOSES]).gather(
                np.where(device == DEVICES.index("BOT"), system + 1, 0)
            ),
            "own_rule": pl.Series([None], dtype=pl.String).new_from_index(0, count),
            "counted_purposes": pl.Series([None], dtype=pl.String).new_from_index(0, count),
            "user_agent_id": pl.Series(_agent(device, browser, system)).cast(pl.Int64),
        }
    )


def _agent(device: np.ndarray, browser: np.ndarray, system: np.ndarray) -> np.ndarray:
    """A user agent for each combination."""
    return (device * len(BROWSERS) + browser) * len(SYSTEMS) + system


def _verdicts() -> pl.DataFrame:
    kinds = list(product(DEVICES, BROWSERS, SYSTEMS))
    return pl.DataFrame(kinds, schema=["device", "browser", "os"], orient="row").select(
        list_version=pl.lit(LIST_VERSION),
        user_agent_id=pl.int_range(len(kinds), dtype=pl.Int64),
        bot_rule=pl.when(pl.col("device") == "BOT").then(pl.lit("isbot:bot")),
        bot_name=pl.lit(None, dtype=pl.String),
        bot_category=pl.lit(None, dtype=pl.String),
        device="device",
        browser="browser",
        os="os",
        bot_purpose=pl.when(pl.col("device") == "BOT")
        .then(pl.col("os").replace_strict(dict(zip(SYSTEMS, PURPOSES, strict=True))))
        .otherwise(pl.lit(PERSON)),
    )


def _facts(rng: np.random.Generator, judged: pl.DataFrame) -> pl.DataFrame:
    """CLICKS rows of judged clicks; each visitor clicks about five times."""
    numbers = pl.Series(rng.integers(0, 2**62, judged.height))
    rows = judged.with_columns(
        day=pl.col("at").dt.date(),
        event_id=numbers,
        visitor=numbers % max(1, judged.height // 5),
        learnt_at="at",
        method=pl.lit("GET"),
        status=pl.lit(302),
        source=pl.lit("benchmark"),
        batch=pl.lit(1),
    )
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None).alias(name)).cast(kind)
        for name, kind in CLICKS.columns.items()
    )


def _load_handles(database: Database) -> None:
    entries = [{"handle": handle, "plan": "PRO", "planSince": "2026-01-01T00:00:00Z"} for handle in sorted(ASKED)]
    load_accounts(database, AccountsFile.model_validate({"handles": entries}), "clickledger.localhost", END)
