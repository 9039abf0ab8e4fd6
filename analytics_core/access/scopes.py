"""Scopes of personal access tokens: what a token may do with its handle, with `*` for all that begins so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from analytics_core.errors import InvalidParameterError
from analytics_core.validation import shown

SCOPES: Final = ("analytics.*", "analytics.read", "analytics.export")


def covers(granted: Iterable[str], scope: str) -> bool:
    """Whether one of the granted scopes is the scope, or a wildcard above it."""
    return any(one == scope or (one.endswith(".*") and scope.startswith(one[:-1])) for one in granted)


def checked(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes, each once. Raises InvalidParameterError for an unknown one, or for none."""
    given = tuple(dict.fromkeys(scopes))
    if not given or any(one not in SCOPES for one in given):
        raise InvalidParameterError(f"scopes must be one or more of {', '.join(SCOPES)}; got {shown(given)}.")
    return given
