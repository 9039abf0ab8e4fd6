"""What followed the demo's clicks: conversions and intent signals, as the public doors would have kept them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from analytics_core.model import INTENT
from analytics_core.store import tables
from analytics_core.store.database import Database, insert_missing
from ingest.demo.creators import Creator
from ingest.demo.realtime import request_ids
from ingest.demo.vocabulary import Vocabulary

FOLLOWED: Final = pl.Schema(
    {
        "handle": pl.String,
        "slug": pl.String,
        "click_id": pl.String,
        "clicked_at": pl.Int64,  # epoch milliseconds, as are all times
        "at": pl.Int64,
        "confidence": pl.Float64,  # of an intent signal; null: a conversion
        "value_e4": pl.Int64,
        "currency": pl.String,
    }
)
_CONVERT: Final = 0.024  # of people's clicks
_SHOW_INTENT: Final = 0.07
_LONGEST: Final = 14 * 60  # seconds: a ctx lives for 15 minutes
_CURRENCIES: Final = ("EUR", "USD", "GBP")
_PRICES_E4: Final = (90_000, 199_000, 299_900, 490_000, 1_290_000)
_ROWS_AT_A_TIME: Final = 500


def follow(
    requests: pl.DataFrame, creators: Sequence[Creator], words: Vocabulary, seed: int, rng: np.random.Generator
) -> pl.DataFrame:
    """FOLLOWED rows: of people's clicks some show intent, and some of those buy, within the life of their ctx."""
    people = requests.filter((pl.col("bucket") == "clicks") & ~pl.col("is_bot"))
    chance = rng.random(people.height)
    chosen = people.filter(pl.Series(chance < _SHOW_INTENT)).with_columns(
        buys=pl.Series(chance[chance < _SHOW_INTENT] < _CONVERT)
    )
    rows = chosen.height
    slugs = [path.removeprefix("/") for path in words.paths.texts]
    handles = [creator.handle for creator in creators]
    seconds = np.minimum(rng.lognormal(5.2, 0.9, rows), _LONGEST).astype(np.int64) + 5
    shown = chosen.select(
        handle=pl.lit(pl.Series(handles)).gather(pl.col("creator").cast(pl.UInt32)),
        slug=pl.lit(pl.Series(slugs)).gather(pl.col("path").cast(pl.UInt32)),
        click_id=request_ids(chosen["serial"], seed),
        clicked_at=pl.col("at"),
        at=pl.col("at") + pl.Series(seconds) * 1_000,
        currency=pl.lit(pl.Series(_CURRENCIES)).gather(pl.col("creator").cast(pl.UInt32)),
        value_e4=pl.Series(rng.choice(_PRICES_E4, rows)),
        confidence=pl.Series(rng.uniform(0.3, 1.0, rows).round(2)),
        buys="buys",
    )
    intents = shown.with_columns(
        at=pl.col("clicked_at") + 4_000, value_e4=pl.lit(0, dtype=pl.Int64), currency=pl.lit(None, dtype=pl.String)
    )
    bought = shown.filter("buys").with_columns(confidence=pl.lit(None, dtype=pl.Float64))
    return pl.concat([intents, bought]).select(pl.col(name).cast(kind) for name, kind in FOLLOWED.items())


def totals(followed: pl.DataFrame) -> dict[str, tuple[int, Decimal, str]]:
    """Conversions, revenue and its currency of each handle."""
    bought = followed.filter(pl.col("confidence").is_null())
    sums = bought.group_by("handle").agg(pl.len(), pl.col("value_e4").sum(), pl.col("currency").first())
    return {handle: (count, Decimal(value) / 10_000, code) for handle, count, value, code in sums.iter_rows()}


def keep_followed(path: Path, database: Database) -> None:
    """Puts what is not there yet into the tables that the public doors write to."""
    rows = list(pl.read_parquet(path).sort("at").iter_rows(named=True))
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        some = list(enumerate(rows[start : start + _ROWS_AT_A_TIME], start))
        with database.begin() as connection:
            insert_missing(connection, tables.conversions, [_conversion(n, r) for n, r in some if _is_bought(r)])
            insert_missing(connection, tables.signals, [_signal(n, r) for n, r in some if not _is_bought(r)])


def _is_bought(row: dict[str, object]) -> bool:
    return row["confidence"] is None


def _time(milliseconds: object) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(str(milliseconds)))


def _said(number: int, row: dict[str, object]) -> dict[str, object]:
    """What a conversion and a signal have in common. The number makes ids that are the same in every run."""
    return {
        "handle": row["handle"],
        "slug": row["slug"],
        "click_id": row["click_id"],
        "clicked_at": _time(row["clicked_at"]),
        "session_id": f"sig_{row['handle']}_{row['clicked_at']}_{number}",
        "consent": "full",
        "at": _time(row["at"]),
        "carried": False,
    }


def _conversion(number: int, row: dict[str, object]) -> dict[str, object]:
    return _said(number, row) | {
        "conversion_id": f"demo{number:028d}",
        "idempotency_key": f"demo-{number}",
        "content": "",
        "position": None,
        "event_type": "purchase",
        "value_e4": row["value_e4"],
        "currency": row["currency"],
    }


def _signal(number: int, row: dict[str, object]) -> dict[str, object]:
    return _said(number, row) | {
        "signal_id": f"demo{number:028d}",
        "signal_key": INTENT,
        "signal_value": "product page",
        "confidence": row["confidence"],
        "source": "demo",
        "metadata": None,
    }
