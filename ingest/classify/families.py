"""Which browser and which operating system: the ordered rules of lists/browsers.toml and lists/systems.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from ingest.classify.list_files import read_toml
from ingest.classify.pattern_set import Found, Patterns, patterns_of

UNKNOWN_FAMILY: Final = "unknown"
_BROWSERS: Final = "browsers"
_SYSTEMS: Final = "systems"


def family_patterns() -> Mapping[str, Sequence[Patterns]]:
    """The lists that `browser` and `system` ask."""
    return {name: patterns_of(_rows(name)) for name in (_BROWSERS, _SYSTEMS)}


def browser(found: Found) -> str:
    """The browser's family (`Chrome`, `Samsung Internet`, …) of an agent, `unknown` where no rule matches."""
    return _family(found, _BROWSERS)


def system(found: Found) -> str:
    """The operating system's family (`iOS`, `Android`, …) of an agent, `unknown` where no rule matches."""
    return _family(found, _SYSTEMS)


def _family(found: Found, name: str) -> str:
    place = found.first(name)
    return UNKNOWN_FAMILY if place is None else _families(name)[place]


@cache
def _families(name: str) -> tuple[str, ...]:
    return tuple(row["family"] for row in _rows(name))


def _rows(name: str) -> list[dict[str, Any]]:
    return read_toml(f"{name}.toml")["rule"]
