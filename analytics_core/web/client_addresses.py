"""Who sent a request: an address that the sender cannot choose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

_LOOPBACK: Final = "127.0.0.1"
_WITH_PORT: Final = re.compile(r"\[(?P<six>[0-9A-Fa-f:.]+)\](?::\d+)?|(?P<four>\d+\.\d+\.\d+\.\d+)(?::\d+)?")
_SUBSCRIBER_BITS: Final = 64  # an IPv6 subscriber has that many bits of the address to choose


@dataclass(frozen=True, slots=True)
class Client:
    """`address` as text. `buckets`: what a limit counts the request under; it must have room in each of them."""

    address: str
    buckets: tuple[str, ...]


def client_of(scope: Scope, trusted_proxies: int) -> Client:
    """The client of an ASGI request."""
    socket = (scope.get("client") or (_LOOPBACK, 0))[0]
    return client_behind(socket, Headers(scope=scope).getlist("x-forwarded-for"), trusted_proxies)


def client_behind(socket_address: str, forwarded_for: Sequence[str], trusted_proxies: int) -> Client:
    """With n trusted proxies the n-th address from the right of the X-Forwarded-For headers, else the socket's."""
    forwarded = [_parsed(one) for value in forwarded_for for one in value.split(",")]
    socket = _parsed(socket_address)
    if trusted_proxies and len(forwarded) >= trusted_proxies:
        client = forwarded[-trusted_proxies] or socket
        return Client(str(client or _LOOPBACK), (_bucket(client),))
    if not trusted_proxies and socket is not None and socket in forwarded:
        # Uvicorn by itself takes a connection from this machine for a proxy's, and puts what X-Forwarded-For says in
        # the place of the socket's address. Whose address this is cannot be told: it counts for both.
        return Client(_LOOPBACK, tuple(dict.fromkeys((_bucket(socket), _LOOPBACK))))
    return Client(str(socket or _LOOPBACK), (_bucket(socket),))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address in a text, with or without a port; None for anything else."""
    found = _WITH_PORT.fullmatch(text.strip())
    try:
        address = ip_address(found["six"] or found["four"] if found else text.strip())
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _bucket(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _SUBSCRIBER_BITS), strict=False))
    return str(address or _LOOPBACK)
