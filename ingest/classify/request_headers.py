"""What a request's headers say of its purpose: a page fetched ahead, and what asked for it. Nothing else is kept."""

from __future__ import annotations

from typing import Final

import polars as pl

HEADER_COLUMNS: Final = ("purpose", "fetch_mode", "fetch_dest")

# What the Fetch standard names; a browser may send others, and anybody may send anything.
_MODES: Final = ("cors", "navigate", "no-cors", "same-origin", "websocket")
_DESTINATIONS: Final = (
    *("audio", "audioworklet", "document", "embed", "empty", "fencedframe", "font", "frame", "iframe", "image"),
    *("json", "manifest", "object", "paintworklet", "report", "script", "serviceworker", "sharedworker", "style"),
    *("text", "track", "video", "webidentity", "worker", "xslt"),
)

# `Name:value%0AName:value%0A`, names in any case, cut at 800 bytes: what is not there may have been behind the cut.
_CUT_BYTES: Final = 800
_BEGIN: Final = r"(?i-u)(?:^|%0A)"
_END: Final = r"(?:%0A|$)"
_PURPOSES: Final = "(?:sec-purpose|purpose|x-purpose|x-moz)"
_VALUE: Final = r"(?:%20)*((?:[ -$&-~]|%[1-9A-F]|%0[0-9B-F])*?)"  # of one header, up to a line feed
_NONE: Final = pl.lit("none")


def classify_headers(logged: pl.Series) -> pl.DataFrame:
    """Classes of distinct `cs-headers` as logged (String, no nulls), one row each in the same order.

    Columns, all String: `headers` (as given), `purpose` ('prefetch', 'prerender' or 'none'), `fetch_mode` and
    `fetch_dest` (a value of the Fetch standard, 'other', or 'none' where the request says none). A null: the headers
    were not logged, or they were cut before it.
    """
    headers = pl.col("headers")
    frame = pl.DataFrame({"headers": logged})
    is_cut = headers.str.len_bytes() >= _CUT_BYTES
    absent = pl.when((headers != "-") & ~is_cut).then(_NONE)
    return frame.select(
        headers,
        _purpose(frame, absent),
        _fetch("sec-fetch-mode", _MODES, is_cut, absent).alias("fetch_mode"),
        _fetch("sec-fetch-dest", _DESTINATIONS, is_cut, absent).alias("fetch_dest"),
    )


def _purpose(frame: pl.DataFrame, absent: pl.Expr) -> pl.Expr:
    headers = pl.col("headers")
    if not frame.select(headers.str.contains(rf"{_BEGIN}{_PURPOSES}:").any()).item():  # seldom there are any
        return absent.alias("purpose")

    def says(words: str) -> pl.Expr:
        return headers.str.contains(rf"{_BEGIN}{_PURPOSES}:{_VALUE}(?:{words})")

    return (
        pl.when(says("prerender"))
        .then(pl.lit("prerender"))
        .when(says("prefetch|preview|instant"))
        .then(pl.lit("prefetch"))
        .otherwise(absent)
        .alias("purpose")
    )


def _fetch(name: str, known: tuple[str, ...], is_cut: pl.Expr, absent: pl.Expr) -> pl.Expr:
    sent = pl.col("headers").str.extract(rf"{_BEGIN}{name}:{_VALUE}(?:%20)*({_END})", 1).str.to_lowercase()
    is_last = pl.col("headers").str.contains(rf"{_BEGIN}{name}:{_VALUE}$")  # its end may be behind the cut
    return (
        pl.when(sent.is_null() | (is_cut & is_last))
        .then(absent)
        .when(sent.is_in(known))
        .then(sent)
        .otherwise(pl.lit("other"))
    )
