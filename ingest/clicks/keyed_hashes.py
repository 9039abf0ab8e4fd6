"""Keyed hashes: what nobody without the deployment's secret can trace back to an address or to a shop's key."""

from __future__ import annotations

from typing import Final

import polars as pl
import polars_hash as plh

_HEX_DIGITS: Final = 15  # 60 bits: the lake's integers are signed


def keyed_hash(message: plh.HExpr, secret: str) -> pl.Expr:
    """The first 60 bits of HMAC-SHA-256, as an Int64."""
    digest = message.chash.hmac_sha256(key=secret)
    return digest.str.slice(0, _HEX_DIGITS).str.to_integer(base=16, dtype=pl.Int64)
