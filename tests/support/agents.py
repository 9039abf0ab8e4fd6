"""The agents that tests of user agents share, as tables beside the tests."""

from __future__ import annotations

from typing import Final

import polars as pl

from support.world import ROOT

_TABLES: Final = ROOT / "tests" / "unit"


def agents(name: str, columns: list[str]) -> pl.DataFrame:
    """A tab-separated table of tests/unit; lines that begin with `#` are remarks."""
    lines = (_TABLES / name).read_text(encoding="utf-8").splitlines()
    return pl.DataFrame([line.split("\t") for line in lines if not line.startswith("#")], schema=columns, orient="row")


EXAMPLES: Final = agents("user_agents.tsv", ["group", "expected", "agent"])
KINDS: Final = agents("bots_by_kind.tsv", ["kind", "expected", "agent"])
