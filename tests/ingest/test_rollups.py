"""Roll-ups are derived: they can be deleted, lag behind or be judged by older lists, and come out the same."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from support.logs import GOOGLEBOT, Request, realtime_text, requests, write
from support.posts import convert
from support.world import NOW, World

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import Application, build
from analytics_core.errors import StoreUnavailableError
from analytics_core.model import Answer, Period, Query, SegmentRules
from analytics_core.query.catalog import GROUPINGS
from analytics_core.store.commit_log import ForgottenCommitError
from analytics_core.store.commit_time import stamps_of
from analytics_core.store.lake import Lake, files_of
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICK_COUNTS, CLICKS, CONVERSIONS, VERDICTS
from ingest import compaction, posts, sync
from ingest.classify import LIST_VERSION
from ingest.clicks import user_agents
from ingest.clicks.user_agents import UserAgents
from ingest.rollups import catch_up
from ingest.rollups.catch_up import versions_of


@pytest.fixture
def filled(world: World, tmp_path: Path) -> World:
    lines = [*requests(40), Request(90, user_agent=GOOGLEBOT), Request(91, path="/about", country="US")]
    world.sync(write(tmp_path / "a.gz", realtime_text(lines[:20])))
    world.sync(write(tmp_path / "b.gz", realtime_text(lines[20:])))
    return world


def sorted_counts(world: World) -> pl.DataFrame:
    keys = [name for name in CLICK_COUNTS.columns if name not in ("clicks", "bot_clicks")]
    sums = world.counts().group_by(keys).agg(pl.col("clicks").sum(), pl.col("bot_clicks").sum())
    return sums.filter(pl.col("clicks") != 0).sort(keys)  # without what was taken back


def answered(application: Application) -> Answer | str:
    """The answer, or what the error of a lake that cannot give it says."""
    query = Query("acme", "country", Period(date(2026, 3, 1), date(2026, 3, 12)))
    try:
        return replace(application.analytics.run(query, Actor("user_ann")), data_version="")
    except StoreUnavailableError as error:
        return error.message


def test_a_table_of_conversions_that_two_processes_made_at_once_is_no_sign_of_a_loss(
    world: World, tmp_path: Path
) -> None:
    """On object storage the second one commits the table once more: a version without a conversion."""
    lake = Lake(world.settings.lake_url)
    lake.append(lake.open(CONVERSIONS), CONVERSIONS, pl.DataFrame(schema=CONVERSIONS.schema))
    world.sync(write(tmp_path / "a.gz", realtime_text(requests(3))))

    answer = answered(build(world.settings, clock=lambda: NOW))
    assert isinstance(answer, Answer), answer
    assert answer.totals.clicks == 3


@pytest.mark.parametrize(
    "lost",
    [
        ("click_counts",),
        ("coverage",),
        ("attributions",),
        ("click_counts", "coverage"),
        ("click_counts", "attributions"),
        ("click_counts", "coverage", "attributions"),
    ],
    ids=" ".join,
)
def test_deleted_roll_ups_are_rebuilt_from_the_facts_and_never_zeros(
    filled: World, tmp_path: Path, lost: tuple[str, ...]
) -> None:
    convert(filled, Request(1))
    filled.sync(tmp_path / "a.gz")
    running, counts = build(filled.settings, clock=lambda: NOW), sorted_counts(filled)
    answer = answered(running)
    assert isinstance(answer, Answer)
    assert (answer.totals.clicks, answer.totals.conversions) == (42, 1)
    for table in lost:
        shutil.rmtree(filled.folder / "var" / "lake" / table)

    started = build(filled.settings, clock=lambda: NOW)
    if lost != ("coverage",):  # the numbers are there
        assert answered(started) == "The lake has lost its roll-ups; the next sync makes them anew."
    filled.sync(tmp_path / "a.gz")

    assert sorted_counts(filled).equals(counts)
    assert all(check["holds"] for check in filled.run_json("verify", "--json"))
    answered(running)  # may yet tell of a file that is gone
    assert answered(running) == answered(started) == answer
    for application in (running, started):
        application.analytics.close()


def test_the_first_conversion_of_a_lake_is_folded_in_and_nothing_derived_anew(filled: World, tmp_path: Path) -> None:
    before = filled.lake.open(CLICK_COUNTS)
    convert(filled, Request(1))

    filled.sync(tmp_path / "a.gz")

    after = filled.lake.open(CLICK_COUNTS)
    commits = filled.lake.commits(CLICK_COUNTS, range(before.version() + 1, after.version() + 1))
    assert all(commit.said["operationParameters"]["mode"] == "Append" for commit in commits)
    assert filled.lake.snapshot().tallies["conversions"].held == 1


def test_compacted_files_are_the_same_bytes_whatever_came_before(
    filled: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compacted() -> list[bytes]:
        filled.run("compact")
        snapshot = filled.lake.snapshot()
        return [Path(path).read_bytes() for key in sorted(snapshot.counts) for path in snapshot.counts[key]]

    first = compacted()
    for table in ("click_counts", "attributions"):
        shutil.rmtree(filled.folder / "var" / "lake" / table, ignore_errors=True)
    monkeypatch.setattr(catch_up, "CLICKS_AT_A_TIME", 1)
    filled.sync(tmp_path / "a.gz")
    filled.sync(write(tmp_path / "copy.gz", realtime_text(requests(20))))

    assert compacted() == first


@pytest.mark.parametrize(
    "bring",
    [
        lambda world: world.sync(world.folder / "a.gz"),
        lambda world: compaction.compact(
            world.lake, world.agents, SegmentRules(), stamps_of(lambda: NOW, world.database)
        ),
    ],
    ids=["sync", "compact"],
)
def test_new_lists_judge_again_and_keep_the_old_verdicts(
    filled: World, monkeypatch: pytest.MonkeyPatch, bring: Callable[[World], object]
) -> None:
    monkeypatch.setattr(user_agents, "LIST_VERSION", "next")
    judge = user_agents.classify_user_agents

    def judge_everyone_a_bot(logged: pl.Series) -> pl.DataFrame:
        return judge(logged).with_columns(bot_rule=pl.lit("own:everyone"), device=pl.lit("BOT"))

    monkeypatch.setattr(user_agents, "classify_user_agents", judge_everyone_a_bot)

    bring(filled)

    days = filled.counts().filter(pl.col("grain") == "day")
    assert days["clicks"].sum() == days["bot_clicks"].sum() == 42
    lake = filled.lake
    kept = lake.scan(lake.open(VERDICTS), VERDICTS).collect()
    assert kept.group_by("list_version").len().height == 2
    assert lake.snapshot().list_version == "next"


def sync_a_bot_by_other_lists(world: World, monkeypatch: pytest.MonkeyPatch, module: ModuleType, left_out: str) -> None:
    """A click of a person as ever, then one of a bot by another release, in which one step is not reached."""
    world.sync(write(world.folder / "1.gz", realtime_text([Request(1)])))
    keep = UserAgents.keep

    def keep_by_other_lists(_: UserAgents, judged: pl.DataFrame, learnt_at: datetime) -> None:
        keep(UserAgents(world.lake, "other lists"), judged, learnt_at)

    with monkeypatch.context() as other:
        other.setattr(UserAgents, "keep", keep_by_other_lists)
        other.setattr(module, left_out, lambda *_: None)
        world.sync(write(world.folder / "2.gz", realtime_text([Request(2, user_agent=GOOGLEBOT)])))


def test_clicks_that_a_release_with_other_lists_committed_are_judged_by_those_in_force(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That release was stopped before its roll-ups caught up, and the next one finds the clicks."""
    sync_a_bot_by_other_lists(world, monkeypatch, sync, "catch_up")

    world.sync(write(tmp_path / "3.gz", realtime_text([Request(3)])))

    counts = world.counts().group_by("grain").agg(pl.col("clicks", "bot_clicks").sum())
    assert counts.sort("grain").rows() == [("day", 3, 1), ("detail", 3, 1), ("quarter_hour", 3, 1)]
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_verify_finds_a_click_whose_agent_nobody_judged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sync_a_bot_by_other_lists(world, monkeypatch, catch_up, "_judge_unjudged")

    ended = world.run("verify", "--json", check=False)

    found = {check["name"]: check for check in json.loads(ended.stdout)}
    assert (ended.returncode, found["verdicts"]["holds"]) == (1, False)
    assert found["verdicts"]["detail"] == "agents of clicks without a verdict: 1"


def test_the_first_conversion_after_a_compaction_is_no_loss(world: World, tmp_path: Path) -> None:
    """What a compaction committed to the empty table brought no conversion."""
    world.sync(write(tmp_path / "1.gz", realtime_text([Request(1)])))
    world.run("compact")
    world.sync(write(tmp_path / "2.gz", realtime_text([Request(2)])))
    assert versions_of(world.lake.open(CLICK_COUNTS)).conversions > 0
    convert(world, Request(1))

    posts.carry(world.lake, world.database, stamps_of(lambda: NOW, world.database), secret="a secret")

    assert not world.lake.snapshot().has_lost_rollups
    assert world.sync(write(tmp_path / "3.gz", realtime_text([Request(3)]))).misfits == ()
    assert world.lake.snapshot().attributions


def test_rows_that_lack_the_detail_grain_are_not_answered_from_it(filled: World) -> None:
    """As a program of release 0.1.0 appends them."""
    application = build(filled.settings, clock=lambda: NOW)
    query = Query("acme", "country", Period(date(2026, 3, 1), date(2026, 3, 12)))
    counts = filled.counts().filter(pl.col("grain") != "detail")
    lake = filled.lake
    lake.append(lake.open(CLICK_COUNTS), CLICK_COUNTS, counts.clear(), metadata={"list_version": LIST_VERSION})

    totals = [application.analytics.run(replace(query, group_by=name), Actor("user_ann")).totals for name in GROUPINGS]

    assert not lake.snapshot().has_details(["2026-03"])
    assert {one.clicks for one in totals} == {42}
    application.analytics.close()


def test_two_compactions_at_once_double_nothing(filled: World) -> None:
    before = (filled.clicks().height, sorted_counts(filled))
    running = [filled.start("compact") for _ in range(3)]

    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    assert filled.clicks().height == before[0]
    assert sorted_counts(filled).equals(before[1])
    assert all(check["holds"] for check in filled.run_json("verify", "--json"))


def test_a_partition_larger_than_the_memory_is_merged_in_parts(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = requests(60)
    for start in range(0, 60, 10):
        world.sync(write(tmp_path / f"{start}.gz", realtime_text(lines[start : start + 10])))
    before = (sorted_counts(world), world.clicks().sort("event_id"))
    files = len(files_of(world.lake.open(CLICKS)))
    monkeypatch.setattr(compaction, "MERGED_ROWS", 25)

    compaction.compact(world.lake, world.agents, SegmentRules(), stamps_of(lambda: NOW, world.database))
    merged = set(files_of(world.lake.open(CLICKS)))
    compaction.compact(world.lake, world.agents, SegmentRules(), stamps_of(lambda: NOW, world.database))

    assert files == 6
    assert len(merged) == 3
    assert set(files_of(world.lake.open(CLICKS))) == merged  # large enough: never written again
    assert sorted_counts(world).equals(before[0])
    assert world.clicks().sort("event_id").equals(before[1])
    assert world.sync(tmp_path / "0.gz", full=True).identity.lines == 0
    assert world.sync(write(tmp_path / "again.gz", realtime_text(lines))).identity.duplicates == 60
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_folder_with_spaces_holds_a_lake(tmp_path: Path) -> None:
    world = World(tmp_path / "My Projects é")
    world.load()
    log = write(tmp_path / "a.gz", realtime_text(requests(20)))

    world.sync(log)
    again = world.sync(write(tmp_path / "b.gz", realtime_text(requests(20))))

    assert (again.identity.clicks, again.identity.duplicates) == (0, 20)
    world.run("compact")
    assert world.clicks().height == 20
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def forget_appends(lake: Lake) -> None:
    """Release 0.1.0 did not say which commit of conversions was the last that appended rows."""
    for commit in Path(lake.uri(CONVERSIONS), "_delta_log").glob("*.json"):
        lines = commit.read_text().splitlines(keepends=True)
        commit.write_text("".join(line for line in lines if '"appId":"appended"' not in line))


def let_a_year_pass(table: Path) -> None:
    """The files of the log were written then, and one that no commit names, which a vacuum deletes."""
    (table / "part-0.zstd.parquet").touch()
    for file in (*table.glob("_delta_log/*"), table / "part-0.zstd.parquet"):
        os.utime(file, (0, 0))


def test_a_lake_of_0_1_0_without_a_new_conversion_is_synced_when_the_log_of_the_old_ones_was_cleaned(
    world: World, tmp_path: Path
) -> None:
    for number in (1, 2):
        convert(world, Request(number), key=str(number))
        world.sync(write(tmp_path / f"{number}.gz", realtime_text([Request(number)])))
    forget_appends(world.lake)
    held = versions_of(world.lake.open(ATTRIBUTIONS)).conversions
    world.run("compact")
    let_a_year_pass(Path(world.lake.uri(CONVERSIONS)))
    world.run("compact")
    with pytest.raises(ForgottenCommitError):
        world.lake.at(CONVERSIONS, held)

    assert world.sync(write(tmp_path / "3.gz", realtime_text([Request(3)]))).misfits == ()
    assert world.sync(write(tmp_path / "4.gz", realtime_text([Request(4)]))).misfits == ()
