"""Which browser and which operating system: the ordered rules of lists/browsers.toml and lists/systems.toml."""

from __future__ import annotations

from functools import cache

import polars as pl

from ingest.classify.list_files import read_toml
from ingest.classify.ordered_rules import Rule, Undecided, compile_rules

UNKNOWN_FAMILY = "unknown"


def browsers(decoded: pl.Series) -> pl.Series:
    """The browser's family (`Chrome`, `Samsung Internet`, …) of each decoded agent, `unknown` where no rule matches."""
    return _families(decoded, "browsers.toml")


def systems(decoded: pl.Series) -> pl.Series:
    """The operating system's family (`iOS`, `Android`, …) of each decoded agent, `unknown` where no rule matches."""
    return _families(decoded, "systems.toml")


@cache
def _rules(name: str) -> tuple[Rule, ...]:
    return compile_rules(read_toml(name)["rule"], answer="family")


def _families(decoded: pl.Series, name: str) -> pl.Series:
    agents = Undecided(decoded)
    agents.ask(_rules(name))
    return agents.answers(otherwise=UNKNOWN_FAMILY).alias("family")
