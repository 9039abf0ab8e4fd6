"""Fixtures of every tier."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty lake and database with the accounts of `acme` (PRO) and `zed` (FREE)."""
    made = World(tmp_path)
    made.load()
    return made
