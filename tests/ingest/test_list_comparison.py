"""What another version of the lists would change is told before it is taken into use, and comes true when it is."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from support.logs import LEAST, Request, realtime_text, write
from support.older_lists import CURL_RULE, GOOGLEBOT_RULE, OLDER, fill_by_older_lists
from support.world import World

from analytics_core.store.lake_tables import CLICK_COUNTS, VERDICTS
from ingest.classify import LIST_VERSION


@pytest.fixture
def older(world: World) -> World:
    fill_by_older_lists(world)
    return world


def bot_clicks(world: World) -> int:
    return int(world.counts().filter(pl.col("grain") == "day")["bot_clicks"].sum())


def bytes_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_comparison_tells_the_clicks_of_each_handle_that_move_by_rule_and_writes_nothing(older: World) -> None:
    lake = older.folder / "var" / "lake"
    before = bytes_of(lake)

    told = older.run_json("classify", "--compare", "current", "installed", "--json")

    assert bytes_of(lake) == before
    assert (told["old"], told["new"], told["clicks"]) == (OLDER, LIST_VERSION, 19)
    assert [tuple(row.values()) for row in told["moved"]] == [
        ("zed", "(person)", CURL_RULE, 6, "person to bot"),
        ("acme", "(person)", CURL_RULE, 3, "person to bot"),
        ("acme", "own:telephone", "(person)", 2, "bot to person"),
        ("acme", "isbot:crawl", GOOGLEBOT_RULE, 1, "other rule"),
        ("acme", "method-head", CURL_RULE, 1, "other rule"),
        ("acme", "own:telephone", "method-head", 1, "other rule"),
    ]
    assert told["totals"] == {"person to bot": 9, "bot to person": 2, "other rule": 3, "not judged": 0}


def test_what_a_comparison_tells_comes_true(older: World) -> None:
    totals = older.run_json("classify", "--compare", "current", "installed", "--json")["totals"]
    before = bot_clicks(older)

    older.sync(older.folder / "older.gz")

    assert bot_clicks(older) - before == totals["person to bot"] - totals["bot to person"]
    assert older.run_json("classify", "--compare", "current", "installed", "--json")["moved"] == []
    back = older.run_json("classify", "--compare", LIST_VERSION, OLDER, "--json")["totals"]
    assert back == {"person to bot": 2, "bot to person": 9, "other rule": 3, "not judged": 0}


def test_clicks_of_agents_that_a_version_never_judged_are_told_apart(older: World) -> None:
    later = [Request(50, user_agent="Wget/1.21.4"), Request(51, user_agent="Wget/1.21.4", method="HEAD")]
    older.sync(write(older.folder / "later.gz", realtime_text(later)))

    told = older.run_json("classify", "--compare", OLDER, "current", "--json")

    rows = [tuple(row.values())[1:4:2] for row in told["moved"] if row["move"] == "not judged"]
    assert rows == [("(not judged)", 1)]
    assert ("method-head", 1) in [(row["before"], row["clicks"]) for row in told["moved"]]
    assert told["totals"]["not judged"] == 1


def test_the_table_ends_with_a_sentence_of_totals(older: World) -> None:
    shown = older.run("classify", "--compare", "isbot-0.9", "installed").stdout.splitlines()

    assert shown[-1] == (
        f"14 of 19 clicks move from {OLDER} to {LIST_VERSION} "
        "(person to bot: 9, bot to person: 2, other rule: 3, not judged: 0)."
    )
    assert [cell.strip() for cell in shown[3].split("│")[1:-1]] == [
        *("zed", "(person)", CURL_RULE, "6", "person to bot")
    ]


def test_clicks_of_logs_without_agents_do_not_move(world: World, tmp_path: Path) -> None:
    lines = "".join(Request(number).line(LEAST) + "\n" for number in range(2))
    world.sync(write(tmp_path / "a.log", lines), fields=",".join(LEAST))

    told = world.run_json("classify", "--compare", "current", "installed", "--json")

    assert (told["clicks"], told["moved"]) == (2, [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("isbot-7", "installed"), f"or one that the lake holds ({OLDER}, {OLDER}.5); got 'isbot-7'."),
        (("current", ""), f"must be installed ({LIST_VERSION}), current, or one that"),
        (("isbot-0", "installed"), f"'isbot-0' is the beginning of {OLDER}, {OLDER}.5."),
    ],
)
def test_a_name_of_no_version_or_of_several_is_refused_with_those_that_there_are(
    older: World, words: tuple[str, str], said: str
) -> None:
    lake = older.lake
    verdicts = lake.scan(lake.open(VERDICTS), VERDICTS).collect()
    lake.append(lake.open(VERDICTS), VERDICTS, verdicts.with_columns(list_version=pl.lit(f"{OLDER}.5")))

    refused = older.run("classify", "--compare", *words, check=False)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("invalid_list_version: A list version must be ")
    assert said in refused.stderr
    whole = older.run_json("classify", "--compare", OLDER, f"{OLDER}.5", "--json")
    assert (whole["old"], whole["moved"]) == (OLDER, [])


@pytest.mark.parametrize("is_made", [False, True], ids=["no lake", "a lake without clicks"])
def test_a_lake_without_clicks_is_no_lake_to_compare(world: World, is_made: bool) -> None:
    if is_made:
        world.lake.open(CLICK_COUNTS)
    folder = world.folder / "var" / "lake"
    before = bytes_of(folder)

    refused = world.run("classify", "--compare", "current", "installed", check=False)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"invalid_list_version: The lake {folder} holds no clicks that lists could judge; run clickledger sync first.\n"
    )
    assert bytes_of(folder) == before
