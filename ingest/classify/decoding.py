"""Percent-decoding of distinct values, as CloudFront encodes them: `+` stays a plus, invalid bytes are replaced."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

import polars as pl

_ROUNDS: Final = 4  # old logs are encoded twice; what is deeper is the visitor's own game
_ASCII: Final = {f"%{code:02{case}}": chr(code) for code in range(0x80) for case in "xX"} | {
    f"%{code >> 4:X}{code & 15:x}": chr(code) for code in range(0x80)
}
_BEYOND_ASCII: Final = "%[89a-fA-F][0-9a-fA-F]"


def decode_once(values: pl.Series) -> pl.Series:
    """Each value decoded one time. Meant for distinct values."""
    # Nearly all escapes are blanks, and a blank is no part of another escape.
    decoded = values.str.replace_all("%20", " ", literal=True)
    escaped = _may_be_escaped(decoded)
    return decoded if escaped.is_empty() else decoded.scatter(escaped, _decoded(decoded.gather(escaped)))


def decode_until_stable(values: pl.Series) -> pl.Series:
    """Each value decoded until decoding changes nothing, four times at the most. Meant for distinct values."""
    decoded = decode_once(values)
    for _ in range(_ROUNDS - 1):
        escaped = _may_be_escaped(decoded)
        before = decoded.gather(escaped)
        after = decode_once(before)
        if after.equals(before):
            break
        decoded = decoded.scatter(escaped, after)
    return decoded


def _may_be_escaped(values: pl.Series) -> pl.Series:
    """The places of values that hold a percent sign."""
    return values.str.contains("%", literal=True).arg_true()


def _decoded(values: pl.Series) -> pl.Series:
    value = pl.col("value")
    frame = pl.DataFrame({"value": values})
    # Escapes beyond ASCII are parts of characters and need their neighbours; they are rare enough for Python.
    is_whole = ~value.str.contains(_BEYOND_ASCII)
    parts = frame.select(value.filter(~is_whole).unique())["value"].to_list()
    beyond = {part: unquote_to_bytes(part).decode("utf-8", errors="replace") for part in parts}
    return frame.select(
        pl.when(is_whole)
        .then(value.str.replace_many(_ASCII))
        .otherwise(value.replace_strict(beyond, default=None, return_dtype=pl.String))
    )["value"]
