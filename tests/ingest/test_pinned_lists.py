"""A pinned list version: its verdicts stay, so that no number of the past moves until the pin is taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from support.logs import IPHONE, Request, realtime_text, write
from support.older_lists import CURL, OLDER, fill_by_older_lists
from support.world import World

from analytics_core.store.lake_tables import CLICK_COUNTS, VERDICTS
from ingest.classify import LIST_VERSION

WGET = "Wget/1.21.4"  # a bot, which the older lists never met
LATER = [Request(50, user_agent=CURL), Request(51, user_agent=WGET), Request(52, user_agent=IPHONE)]


def pinned_to(version: str, world: World, **more: str) -> World:
    return replace(world, environment={"CLICKLEDGER_LIST_VERSION": version, **more})


@pytest.fixture
def older(world: World) -> World:
    fill_by_older_lists(world)
    return world


@pytest.fixture
def pinned(older: World) -> World:
    """The same lake, pinned, with clicks of two agents that it knew and of one that is new."""
    pinned = pinned_to(OLDER, older)
    pinned.sync(write(older.folder / "later.gz", realtime_text(LATER)))
    return pinned


def counts(world: World) -> pl.DataFrame:
    keys = [name for name in CLICK_COUNTS.columns if name not in ("clicks", "bot_clicks")]
    sums = world.counts().group_by(keys).agg(pl.col("clicks").sum(), pl.col("bot_clicks").sum())
    return sums.filter(pl.col("clicks") != 0).sort(keys)


def totals(world: World) -> tuple[int, int]:
    """Clicks, and bots among them."""
    days = world.counts().filter(pl.col("grain") == "day")
    return int(days["clicks"].sum()), int(days["bot_clicks"].sum())


def rules(world: World, version: str) -> Mapping[int, str | None]:
    lake = world.lake
    verdicts = lake.scan(lake.open(VERDICTS), VERDICTS).filter(pl.col("list_version") == version).collect()
    return dict(verdicts.select("user_agent_id", "bot_rule").rows())


def proves_the_books(world: World) -> bool:
    return all(check["holds"] for check in world.run_json("verify", "--json"))


def test_under_a_pin_known_agents_keep_their_verdicts_and_new_ones_get_that_of_the_installed_lists(
    older: World,
) -> None:
    before, said = totals(older), rules(older, OLDER)
    pinned = pinned_to(OLDER, older)

    pinned.sync(write(older.folder / "later.gz", realtime_text(LATER)))

    assert (before, totals(pinned)) == ((19, 5), (22, 7))  # curl is a person, Wget and the iPhone are bots
    assert pinned.lake.snapshot().list_version == OLDER
    now = rules(pinned, OLDER)
    assert {agent: now[agent] for agent in said} == said
    assert len(now) == len(said) + 1
    assert rules(pinned, LIST_VERSION) == {}
    assert proves_the_books(pinned)


def test_what_is_derived_anew_or_compacted_under_a_pin_is_judged_by_its_verdicts(pinned: World) -> None:
    before = totals(pinned)
    others = pinned_to(OLDER, pinned, CLICKLEDGER_SEGMENT_RETURNING_DAYS="1")

    others.run("compact")

    assert totals(others) == before
    derivation = others.lake.derivation(others.lake.open(CLICK_COUNTS))
    assert derivation is not None
    assert (derivation["list_version"], '"returning_days": 1' in derivation["segment_rules"]) == (OLDER, True)
    assert proves_the_books(others)


def test_without_the_pin_the_installed_lists_judge_everything_and_with_it_again_all_is_as_it_was(
    older: World, pinned: World
) -> None:
    log, before = older.folder / "later.gz", counts(pinned)
    told = older.run_json("classify", "--compare", "current", "installed", "--json")
    assert (told["old"], told["totals"]["not judged"]) == (OLDER, 0)

    bots = totals(pinned)[1]
    older.sync(log)

    assert older.lake.snapshot().list_version == LIST_VERSION
    assert totals(older)[1] - bots == told["totals"]["person to bot"] - told["totals"]["bot to person"]
    assert proves_the_books(older)

    pinned.sync(log)

    assert counts(pinned).equals(before)
    assert proves_the_books(pinned)


@pytest.mark.parametrize("words", [("sync", "--source", "later.gz"), ("compact",), ("verify",)], ids=lambda it: it[0])
def test_a_pin_to_a_version_that_the_lake_does_not_hold_is_refused_before_anything_is_written(
    older: World, words: tuple[str, ...]
) -> None:
    write(older.folder / "later.gz", realtime_text(LATER))
    lake = older.folder / "var" / "lake"
    before = bytes_of(lake)

    refused = pinned_to("isbot-0.9", older).run(*words, check=False)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"invalid_settings: CLICKLEDGER_LIST_VERSION must be a list version of which the lake holds verdicts (the lake "
        f"holds {OLDER}), or the installed one ({LIST_VERSION}); got 'isbot-0.9'.\n"
    )
    assert bytes_of(lake) == before


def test_a_new_lake_takes_a_pin_to_the_installed_lists_alone(world: World) -> None:
    log = str(write(world.folder / "later.gz", realtime_text(LATER)))

    refused = pinned_to(OLDER, world).run("sync", "--source", log, check=False)

    assert "(the lake holds none yet), or the installed one" in refused.stderr
    assert not (world.folder / "var" / "lake").exists()
    taken = pinned_to(LIST_VERSION, world)
    assert taken.run_json("sync", "--source", log)["clicks"] == 3
    assert proves_the_books(taken)


def bytes_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
