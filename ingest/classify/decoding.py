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
        .alias(values.name)
    ).to_series()


def decode_until_stable(values: pl.Series) -> pl.Series:
    """Each value decoded until decoding changes nothing, four times at the most. Meant for distinct values."""
    for _ in range(_ROUNDS):
        decoded = decode_once(values)
        if decoded.equals(values, check_names=False):
            break
        values = decoded
    return values
