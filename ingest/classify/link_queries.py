"""What the query of a short link, and that of its destination, say of where a click came from: `qr` and `utm_…`."""

from __future__ import annotations

from typing import Final

import polars as pl

from ingest.classify.decoding import decode_once

UTM_COLUMNS: Final = ("utm_source", "utm_medium", "utm_campaign")
ABSENT: Final = "(none)"
_MOST_CHARACTERS: Final = 200
_LIKE_OURS: Final = r"^\((.*)\)$"  # as answers spell `(none)` and `(other)`: nobody's value looks like those


def classify_queries(logged: pl.Series) -> pl.DataFrame:
    """What distinct queries as logged (String, no nulls, `-` for none) say, one row each in the same order.

    Columns, all String: `query` (as given), `trigger` ('qr' where there is a parameter `qr`, else 'link'), and
    UTM_COLUMNS, null where the query does not say it. A log encodes what a client had encoded once more, so values are
    decoded twice; the second time changes nothing in a log that does not.
    """
    has_qr = pl.col("query").str.contains(r"(?:^|&)qr(?:=|&|$)")
    trigger = pl.when(has_qr).then(pl.lit("qr")).otherwise(pl.lit("link"))
    return pl.DataFrame({"query": logged}).select("query", trigger.alias("trigger"), *_utm(logged, encoded=2))


def utm_of_destinations(urls: pl.Series) -> pl.DataFrame:
    """UTM_COLUMNS of destinations of links (String), one row each in the same order; null where they do not say it."""
    queries = urls.str.split_exact("#", 1).struct.field("field_0").str.extract(r"\?(.*)$", 1)
    return pl.DataFrame(_utm(queries, encoded=1))


def _utm(queries: pl.Series, *, encoded: int) -> list[pl.Series]:
    """The first parameter of each name, decoded `encoded` times, without outer spaces and parentheses. One without a
    value says nothing."""
    return [_parameter(queries, name, encoded) for name in UTM_COLUMNS]


def _parameter(queries: pl.Series, name: str, encoded: int) -> pl.Series:
    sent = queries.str.extract(rf"(?:^|&){name}=([^&]*)", 1)
    values = sent.drop_nulls().unique()
    if values.is_empty():
        return sent.alias(name)
    decoded = values.str.replace_all("+", " ", literal=True)  # a log leaves it as it is
    for _ in range(encoded):
        decoded = decode_once(decoded)
    said = decoded.str.strip_chars().str.replace(_LIKE_OURS, "$1").str.slice(0, _MOST_CHARACTERS)
    words = pl.DataFrame({"sent": values, name: said})
    joined = pl.DataFrame({"sent": sent}).join(words, on="sent", how="left", maintain_order="left")
    return joined.select(pl.when(pl.col(name) != "").then(name)).to_series()
