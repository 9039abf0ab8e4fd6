"""A slash after the slug: no slug by default, and the slug itself where the setting says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.logs import Request, json_text, realtime_text, standard_text, write
from support.world import World

PATHS = ("/launch", "/launch/", "/launch//", "//launch/", "/abc/", "/")


@pytest.mark.parametrize("name", ["a.log", "standard.gz", "a.json"])
@pytest.mark.parametrize(("is_on", "clicks"), [(False, 1), (True, 2)])
def test_a_slash_after_the_slug(world: World, tmp_path: Path, name: str, is_on: bool, clicks: int) -> None:
    world.environment = {"CLICKLEDGER_TRAILING_SLASH": str(is_on)}
    items = [Request(number, path=path, query="a=b") for number, path in enumerate(PATHS)]
    text = {"a.log": realtime_text, "standard.gz": standard_text, "a.json": json_text}[name](items)

    read = world.sync(write(tmp_path / name, text)).identity

    assert (read.lines, read.clicks, read.invalid_slugs) == (len(PATHS), clicks, len(PATHS) - clicks)
    assert world.clicks()["slug"].to_list() == ["launch"] * clicks
