"""Accounts files in which a handle has own rules, and what the database keeps of them."""

from __future__ import annotations

import copy
from typing import Any

from sqlalchemy import select

from support.world import ACCOUNTS, World

MY_TEAM = {"name": "my team", "network": "203.0.113.0/24"}
MY_MONITOR = {"name": "shop monitor", "agent": "acme-monitor", "purpose": "monitor", "sentence": "Asks each minute."}


def accounts(**of_acme: Any) -> dict[str, Any]:
    changed = copy.deepcopy(ACCOUNTS)
    changed["handles"][0] |= of_acme
    return changed


def rows(world: World, table: Any) -> list[dict[str, Any]]:
    with world.database.connect() as connection:
        found = connection.execute(select(table).order_by(table.c.valid_from)).mappings()
        return [dict(row) for row in found]
