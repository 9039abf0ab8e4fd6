"""Where a visitor came from: the referring host as logged, and the domain that a person would name."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import polars as pl
from publicsuffixlist import PublicSuffixList

from analytics_core.app_sites import app_sites
from analytics_core.host_names import ascii_name, referring_name
from ingest.classify.decoding import decode_until_stable
from ingest.classify.list_files import read_toml

DIRECT: Final = "direct"
_SCHEMES: Final = ("http", "https")
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
# `mailto:` and its kind, not the port of a host without a scheme.
_NO_HOST: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:(?!//|[0-9]+(?:[/?#]|$))")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]|\.(?!\.))*(?<![.-])")


def classify_referrers(referrers: pl.Series) -> pl.DataFrame:
    """Hosts and domains of distinct referrers as logged (String, no nulls), one row each in the same order.

    Columns, all String: `referrer_raw` (as given), `sent_host` (null: none), `referrer_host` (the same without a
    leading `www.`; null: direct), `referrer` (`direct` where there is none). A handle's own hosts are the caller's, who
    compares `sent_host`: they are direct visits too. So is a visit from an address (`1.2.3.4`): it has a `sent_host`
    alone.
    """
    origins = [_origin(value) for value in decode_until_stable(referrers).to_list()]
    domains = {origin: _domain(origin) if origin and origin.host else DIRECT for origin in set(origins)}
    return pl.DataFrame(
        {
            "referrer_raw": referrers,
            "sent_host": [origin and origin.sent for origin in origins],
            "referrer_host": [origin and origin.host for origin in origins],
            "referrer": [domains[origin] for origin in origins],
        },
        schema=dict.fromkeys(("referrer_raw", "sent_host", "referrer_host", "referrer"), pl.String),
    )


class _Origin(NamedTuple):
    """`sent`: the host that the browser named, in small ASCII without port and trailing dot. `host`: as it is kept;
    None of an address, which is nobody's site."""

    sent: str
    host: str | None
    is_app: bool


def _origin(referrer: str) -> _Origin | None:
    """The host, without credentials and port; an app by its id. None where there is no host."""
    value = referrer.strip().replace("\\", "/")  # as browsers read it
    if value in ("", "-") or _NO_HOST.match(value):
        return None
    value = f"https:{value}" if value.startswith("//") else value
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
    host = referring_name(sent)
    if is_app:
        return _Origin(sent, host, is_app)
    if _is_address(sent):
        return _Origin(sent, None, is_app)
    is_host = _HOST.fullmatch(host) and (has_scheme or "." in host)
    return _Origin(sent, host, is_app) if is_host else None


def _is_address(host: str) -> bool:
    """As browsers see it: what ends in a number is one of IPv4, in whatever form, or nothing."""
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _domain(origin: _Origin) -> str:
    """An app's site, else its id. An alias, else a product known by its host, else a platform's page, else the
    registrable domain, else the host."""
    names, host = _names(), origin.host or ""
    if origin.is_app:
        return app_sites().get(host, host)
    labels = host.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        if name in names.known:
            return name
        if name in names.aliases:
            return names.aliases[name]
        if name in names.platforms:
            page = labels[start - 1] if start else None
            return f"{page}.{name}" if page and page not in names.services else name
    return _suffixes().privatesuffix(host) or host


class _Names(NamedTuple):
    aliases: dict[str, str]
    known: frozenset[str]
    platforms: frozenset[str]
    services: frozenset[str]


@cache
def _names() -> _Names:
    lists = read_toml("referrers.toml")
    platforms = lists["platforms"]
    return _Names(
        lists["aliases"],
        frozenset(host for group in lists["known_by_host"] for host in group["hosts"]),
        frozenset(platforms["sites"]),
        frozenset(platforms["services"]),
    )


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)
