"""docs/access.md read back: what the page promises is what the routes are held to."""

from __future__ import annotations

import re
from functools import cache

from support.world import ROOT

Table = dict[str, dict[str, str]]


@cache
def page() -> dict[str, Table]:
    """Section → first column → other column → cell, code marks removed."""
    text = (ROOT / "docs" / "access.md").read_text()
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {section.splitlines()[0]: _table(section) for section in sections}


def outcome(action: str, role: str | None, plan: str, feature: str) -> str:
    """`yes` or the error's code, for a user (role None: a stranger), or for `STAFF`."""
    by_role = page()["Role × action"][action][role or "no role"]
    if by_role != "yes":
        return by_role
    return page()["Plan × feature"][feature][plan] if feature else "yes"


def feature_of(action: str) -> str:
    return page()["Role × action"][action]["needs"]


def _table(section: str) -> Table:
    lines = [line.strip().split("|")[1:-1] for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.replace("`", "").strip() for cell in line] for line in lines]
    head, _, *rows = cells
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
