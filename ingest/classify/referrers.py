"""Where a visitor came from: the referring host as logged, and the domain that a person would name."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import polars as pl
from publicsuffixlist import PublicSuffixList

from analytics_core.host_names import ascii_name, referring_name
from ingest.classify.decoding import decode_until_stable
from ingest.classify.list_files import read_toml

DIRECT: Final = "direct"
_SCHEMES: Final = ("http", "https")
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]|\.(?!\.))*(?<![.-])")


def classify_referrers(referrers: pl.Series) -> pl.DataFrame:
    """Hosts and domains of distinct referrers as logged (String, no nulls), one row each in the same order.

    Columns, all String: `referrer_raw` (as given), `sent_host` (null: none), `referrer_host` (the same without a
    leading `www.`), `referrer` (`direct` where there is none). A handle's own hosts are the caller's, who compares
    `sent_host`: they are direct visits too.
    """
    origins = [_origin(value) for value in decode_until_stable(referrers).to_list()]
    domains = {origin: origin.host if origin.is_app else _domain(origin.host) for origin in set(origins) if origin}
    return pl.DataFrame(
        {
            "referrer_raw": referrers,
            "sent_host": [origin and origin.sent for origin in origins],
            "referrer_host": [origin and origin.host for origin in origins],
            "referrer": [DIRECT if origin is None else domains[origin] for origin in origins],
        },
        schema=dict.fromkeys(("referrer_raw", "sent_host", "referrer_host", "referrer"), pl.String),
    )


class _Origin(NamedTuple):
    """`sent`: the host that the browser named, in small ASCII without port and trailing dot. `host`: as it is kept."""

    sent: str
    host: str
    is_app: bool


def _origin(referrer: str) -> _Origin | None:
    """The host, without credentials and port; an app by its id. None where there is no host."""
    value = referrer.strip().replace("\\", "/")  # as browsers read it
    if value in ("", "-"):
        return None
    has_scheme = _SCHEME.match(value) is not None
    try:
        parts = urlsplit(value if has_scheme else f"https://{value}")
        host = parts.hostname
    except ValueError:
        return None
    is_app = parts.scheme.endswith("-app")
    if not host or (parts.scheme not in _SCHEMES and not is_app):
        return None
    sent = ascii_name(host.rstrip("."))  # the suffix list and a handle's domains are written in ASCII
    origin = _Origin(sent, referring_name(sent), is_app)
    if is_app or _is_address(sent):
        return origin
    is_host = _HOST.fullmatch(origin.host) and (has_scheme or "." in origin.host)
    return origin if is_host else None


def _is_address(host: str) -> bool:
    if ":" not in host and not host[-1:].isdigit():
        return False
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _domain(host: str) -> str:
    """An alias, else a product known by its host, else the registrable domain, else the host."""
    aliases, known = _names()
    labels = host.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        if name in known:
            return name
        if name in aliases:
            return aliases[name]
    if _is_address(host):
        return host
    return _suffixes().privatesuffix(host) or host


@cache
def _names() -> tuple[dict[str, str], frozenset[str]]:
    lists = read_toml("referrers.toml")
    return lists["aliases"], frozenset(host for group in lists["known_by_host"] for host in group["hosts"])


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)
