"""Requests that are no clicks: upgrades, missing pages, icons, hosts and slugs of nobody, and lines that broke."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from ingest.demo.chances import Chances, allot
from ingest.demo.requests import (
    ABORTED,
    ASSET,
    MISSING,
    REDIRECT,
    REQUESTS,
    UPGRADE,
    UPGRADE_307,
    Bucket,
    Damage,
    Method,
    Span,
)
from ingest.demo.vocabulary import Vocabulary

# Parts of all strays.
_SHARES: Final = {
    "upgrades": 0.30,
    "posted_upgrades": 0.01,
    "missing": 0.25,
    "assets": 0.28,
    "aborted": 0.01,
    "unknown_hosts": 0.07,
    "invalid_slugs": 0.07,
    "rejected": 0.01,
}
_BUCKETS: Final = {"unknown_hosts": "unknownHosts", "invalid_slugs": "invalidSlugs", "rejected": "rejected"}
_BEFORE: Final = -180  # ms: the request over http comes just before its click
_AFTER: Final = 350


def strays(clicks: pl.DataFrame, count: int, words: Vocabulary, span: Span, rng: np.random.Generator) -> pl.DataFrame:
    """`count` rows of REQUESTS by some of those who made `clicks`: same visitor, same host, about the same moment."""
    counts = allot(count, _SHARES)
    chosen = clicks[rng.integers(0, clicks.height, count)]
    parts: list[pl.DataFrame] = []
    start = 0
    for name, size in counts.items():
        kind = chosen.slice(start, size)
        parts.append(kind.with_columns(**_changes(name, kind, words, rng)).select(list(REQUESTS)).cast(REQUESTS))
        start += size
    return pl.concat(parts).with_columns(pl.col("at").clip(span.start, span.end - 1))


def _changes(kind: str, chosen: pl.DataFrame, words: Vocabulary, rng: np.random.Generator) -> Mapping[str, Any]:
    """What differs from the click that the request stands beside."""

    def drawn(rows: Chances) -> pl.Series:
        return pl.Series(rows.draw(rng, chosen.height), dtype=pl.UInt16)

    def broken() -> pl.Series:
        return pl.Series(rng.integers(1, len(Damage.categories), chosen.height), dtype=pl.UInt8).cat.to(Damage)

    at = pl.col("at")
    changes: Mapping[str, Callable[[], Mapping[str, Any]]] = {
        "upgrades": lambda: {"at": at + _BEFORE, "answer": pl.lit(UPGRADE)},
        "posted_upgrades": lambda: {"method": pl.lit("POST", Method), "answer": pl.lit(UPGRADE_307)},
        "missing": lambda: {"path": drawn(words.missing_paths), "answer": pl.lit(MISSING)},
        "assets": lambda: {
            "at": at + _AFTER,
            "path": drawn(words.asset_paths),
            "query": pl.lit(0),
            "answer": pl.lit(ASSET),
        },
        "aborted": lambda: {"answer": pl.lit(ABORTED)},
        "unknown_hosts": lambda: {"host": drawn(words.unknown_hosts), "answer": pl.lit(REDIRECT)},
        "invalid_slugs": lambda: {"path": drawn(words.invalid_paths), "answer": pl.lit(REDIRECT)},
        "rejected": lambda: {"damage": broken()},
    }
    return {"bucket": pl.lit(_BUCKETS.get(kind, "notRedirects"), Bucket)} | dict(changes[kind]())
