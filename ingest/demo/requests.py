"""One row a request of the demo world: what happened, as its maker knows it, before it is written as a log line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

BUCKETS: Final = ("clicks", "notRedirects", "unknownHosts", "invalidSlugs", "duplicates", "rejected")
Bucket: Final = pl.Enum(BUCKETS)
Method: Final = pl.Enum(["GET", "HEAD", "POST"])
Damage: Final = pl.Enum(["none", "cut", "extra_column", "broken_time"])

# Rows of the vocabulary are UInt16, times are epoch milliseconds.
REQUESTS: Final = pl.Schema(
    {
        "at": pl.Int64,
        "bucket": Bucket,
        "creator": pl.Int8,
        "is_bot": pl.Boolean,
        "agent": pl.UInt16,
        "country": pl.UInt8,
        "address": pl.UInt32,  # who: 22 bits, spread over reserved ranges
        "referrer": pl.UInt16,
        "query": pl.UInt16,
        "host": pl.UInt16,
        "path": pl.UInt16,
        "method": Method,
        "answer": pl.UInt8,  # row of ANSWERS
        "damage": Damage,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """How the edge answered. A redirect by a function shows its own result type."""

    status: str
    protocol: str
    result_type: str
    detailed_result_type: str
    content_type: str = "-"


REDIRECT, REDIRECT_307, UPGRADE, UPGRADE_307, MISSING, ASSET, ABORTED = range(7)
ANSWERS: Final = (
    Answer("302", "https", "FunctionGeneratedResponse", "FunctionGeneratedResponse"),
    Answer("307", "https", "FunctionGeneratedResponse", "FunctionGeneratedResponse"),
    Answer("301", "http", "Redirect", "Redirect", "text/html"),
    Answer("307", "http", "Redirect", "Redirect", "text/html"),
    Answer("404", "https", "FunctionGeneratedResponse", "FunctionGeneratedResponse", "text/plain"),
    Answer("200", "https", "Hit", "Hit", "image/x-icon"),
    Answer("000", "https", "Error", "ClientCommError"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open, epoch milliseconds."""

    start: int
    end: int

    def at(self, part: float) -> int:
        return self.start + int((self.end - self.start) * part)


def requests(columns: Mapping[str, Any]) -> pl.DataFrame:
    """Rows of REQUESTS from arrays and single values; what is not said is a plain click."""
    plain = {"bucket": "clicks", "is_bot": False, "referrer": 0, "query": 0, "method": "GET", "answer": REDIRECT}
    rows = len(columns["at"])
    said: dict[str, Any] = {"damage": "none"} | plain | dict(columns)
    return pl.DataFrame(
        [
            pl.Series(name, said[name], dtype=kind, strict=False)
            if hasattr(said[name], "__len__") and not isinstance(said[name], str)
            else pl.repeat(said[name], rows, dtype=kind, eager=True).alias(name)
            for name, kind in REQUESTS.items()
        ]
    )
