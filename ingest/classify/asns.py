"""Who runs the autonomous system that a click came from: those where mail is checked, and those of data centres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import polars as pl

from ingest.classify.list_files import read_toml

ASN_COLUMNS: Final = ("asn_owner", "asn_kind")
KINDS: Final = ("scanner", "data-centre")


def compile_asns(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """`asn` (Int64) and ASN_COLUMNS (String) of the rows of asns.toml. Raises ValueError for a number that is there
    twice, and for a kind that does not exist."""
    told = pl.DataFrame(
        [(row["number"], row["owner"], row["kind"]) for row in rows],
        schema={"asn": pl.Int64, **dict.fromkeys(ASN_COLUMNS, pl.String)},
        orient="row",
    )
    twice = told.filter(pl.col("asn").is_duplicated())["asn"].unique().sort().to_list()
    if twice:
        raise ValueError(f"Every number must be there once; got more than one row of {', '.join(map(str, twice))}")
    unknown = told.filter(~pl.col("asn_kind").is_in(KINDS))
    if unknown.height:
        raise ValueError(
            f"{unknown.item(0, 'asn')}: the kind must be {' or '.join(KINDS)}; got {unknown.item(0, 'asn_kind')}"
        )
    return told


@cache
def asns() -> pl.DataFrame:
    return compile_asns(read_toml("asns.toml")["asns"])
