"""Ranges of addresses, and addresses, from their texts: IPv4 and IPv6 alike, an IPv4 address within IPv6 as IPv4."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

AddressRange = IPv4Network | IPv6Network

_SHOWN_CHARACTERS: Final = 80
_SHORTEST_PREFIX: Final = {4: 16, 6: 32}  # a wider range is nobody's, but somebody's mistake
_MAPPED_BITS: Final = 96  # before the IPv4 address in an IPv6 address that holds one


def parse_range(text: str) -> AddressRange:
    """A range, or one address. Raises ValueError with the sentence for what is none, or is too wide."""
    network = _network(text)
    if network is None:
        meant = _network(text, strict=False)
        got = f"{text[:_SHOWN_CHARACTERS]!r}{'' if meant is None else f' (did you mean {meant}?)'}"
        raise ValueError(f"must be a range of addresses such as 203.0.113.0/24 or 2001:db8::/48; got {got}")
    shortest = _SHORTEST_PREFIX[network.version]
    if network.prefixlen < shortest:
        raise ValueError(f"must be a range of IPv{network.version} addresses of /{shortest} or narrower; got {text!r}")
    return network


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """None for what is no address, or one of a zone (`fe80::1%eth0`), which tells a machine its neighbours alone."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return None if address.scope_id is not None else address.ipv4_mapped or address


def _network(text: str, *, strict: bool = True) -> AddressRange | None:
    """None for what is no range, or one of a zone (`fe80::%1/64`); if `strict` also for one with bits beyond its
    prefix."""
    try:
        network = ip_network(text, strict=strict)
    except ValueError:
        return None
    if isinstance(network, IPv4Network):
        return network
    if network.network_address.scope_id is not None:
        return None
    mapped = network.network_address.ipv4_mapped
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return IPv4Network((int(mapped), network.prefixlen - _MAPPED_BITS))
