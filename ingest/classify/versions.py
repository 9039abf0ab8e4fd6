"""Agents that differ in the versions of browsers alone have one verdict, and are asked once."""

from __future__ import annotations

from typing import Final

import polars as pl

# Numbers that no rule of the lists looks at. One digit before the dot is left: some bots call themselves `Name/1.0;`.
_VERSION: Final = (
    "(Chrome|CriOS|Safari|AppleWebKit|Firefox|FxiOS|Edg|EdgA|EdgiOS|OPR|SamsungBrowser)/[0-9]{2,}(?:[.][0-9]+)*"
)
_ANY: Final = "$1/10"
_BROWSER: Final = "Mozilla/5.0 ("


def without_versions(decoded: pl.Series) -> pl.Series:
    """Each agent with one number in place of its browsers' versions; what does not begin as a browser stays."""
    agent = pl.col("agent")
    is_browser = agent.str.starts_with(_BROWSER)
    kept = pl.when(is_browser).then(agent.str.replace_all(_VERSION, _ANY)).otherwise(agent)
    return pl.DataFrame({"agent": decoded}).select(kept)["agent"]


def places_in(distinct: pl.Series, values: pl.Series) -> pl.Series:
    """Where each value stands among the distinct ones."""
    rows = pl.DataFrame({"value": distinct}).with_row_index("place")
    return pl.DataFrame({"value": values}).join(rows, on="value", how="left", maintain_order="left")["place"]
