"""Percent-decoding of distinct values, as CloudFront encodes them: `+` stays a plus, invalid bytes are replaced."""

from __future__ import annotations

from urllib.parse import unquote

import polars as pl

_ROUNDS = 4  # old logs are encoded twice; what is deeper is the visitor's own game


def decode_once(values: pl.Series) -> pl.Series:
    """Each value decoded one time. Meant for distinct values: the work is per value."""
    return pl.Series(values.name, [unquote(value) for value in values.to_list()], dtype=pl.String)


def decode_until_stable(values: pl.Series) -> pl.Series:
    """Each value decoded until decoding changes nothing. Meant for distinct values: the work is per value."""
    return pl.Series(values.name, [_decode(value) for value in values.to_list()], dtype=pl.String)


def _decode(value: str) -> str:
    for _ in range(_ROUNDS):
        if "%" not in value:
            return value
        decoded = unquote(value)
        if decoded == value:
            return value
        value = decoded
    return value
