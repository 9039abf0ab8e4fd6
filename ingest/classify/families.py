"""Which browser and which operating system: the ordered rules of lists/browsers.toml and lists/systems.toml."""

from __future__ import annotations

from functools import cache

import polars as pl

from ingest.classify.list_files import read_toml

UNKNOWN_FAMILY = "unknown"


def browsers(decoded: pl.Series) -> pl.Series:
    """The browser's family (`Chrome`, `Samsung Internet`, …) of each decoded agent, `unknown` where no rule matches."""
    return _families(decoded, "browsers.toml")


def systems(decoded: pl.Series) -> pl.Series:
    """The operating system's family (`iOS`, `Android`, …) of each decoded agent, `unknown` where no rule matches."""
    return _families(decoded, "systems.toml")


@cache
def _rules(name: str) -> tuple[tuple[str, str], ...]:
    rules = read_toml(name)["rule"]
    return tuple(
        (rule["family"], "(?i)" + "|".join(f"(?:{pattern})" for pattern in rule["patterns"])) for rule in rules
    )


def _families(decoded: pl.Series, name: str) -> pl.Series:
    verdicts = [pl.when(pl.col("agent").str.contains(pattern)).then(pl.lit(family)) for family, pattern in _rules(name)]
    return pl.DataFrame({"agent": decoded}).select(family=pl.coalesce(*verdicts, pl.lit(UNKNOWN_FAMILY)))["family"]
