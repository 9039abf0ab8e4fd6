"""What followed the demo's clicks: conversions and intent signals, as the public doors would have kept them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from sqlalchemy import select

from analytics_core.model import INTENT
from analytics_core.store import tables
from analytics_core.store.conversion_ledger import Conversion, Post, Refusal, record
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
_REPLAYED: Final = 40  # one of so many posts comes twice
_LATE: Final = 60  # and for so many there is one that comes after its ctx has expired


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
    """Puts all of them, or nothing, into the tables that the public doors write to; once.

    As with every shop some posts come twice, and some too late.
    """
    rows = list(enumerate(pl.read_parquet(path).sort("at").iter_rows(named=True)))
    bought = [_post(number, row) for number, row in rows if _is_bought(row)]
    signals = [_signal(number, row) for number, row in rows if not _is_bought(row)]
    again = [replace(one.conversion, conversion_id=f"{one.conversion.conversion_id}-2") for one in bought[::_REPLAYED]]
    late = [Refusal(post.conversion.handle, post.conversion.at.date(), "expired") for post in bought[::_LATE]]
    kept = tables.conversions.c
    with database.begin() as connection:
        if connection.execute(select(kept.conversion_id).where(kept.idempotency_key.startswith("demo-"))).first():
            return
        record(connection, [*bought, *map(Post, again), *late])
        insert_missing(connection, tables.signals, signals)


def _is_bought(row: Mapping[str, Any]) -> bool:
    return row["confidence"] is None


def _time(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _post(number: int, row: Mapping[str, Any]) -> Post:
    """The number makes ids that are the same in every run."""
    return Post(
        Conversion(
            **_said(number, row),
            conversion_id=f"demo{number:028d}",
            idempotency_key=f"demo-{number}",
            content="",
            position=None,
            event_type="purchase",
            value_e4=row["value_e4"],
            currency=row["currency"],
        )
    )


def _signal(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    return _said(number, row) | {
        "signal_id": f"demo{number:028d}",
        "signal_key": INTENT,
        "signal_value": "product page",
        "confidence": row["confidence"],
        "source": "demo",
        "metadata": None,
        "carried": False,
    }


def _said(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a conversion and a signal have in common."""
    return {
        "handle": row["handle"],
        "slug": row["slug"],
        "click_id": row["click_id"],
        "clicked_at": _time(row["clicked_at"]),
        "session_id": f"sig_{row['handle']}_{row['clicked_at']}_{number}",
        "consent": "full",
        "at": _time(row["at"]),
    }
