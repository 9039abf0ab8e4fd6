"""Whatever happens to the files, a click counts once."""

from __future__ import annotations

import random
import shutil
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from support.forks import Program
from support.logs import REALTIME, Request, realtime_text, requests, standard_text, write
from support.world import ACCOUNTS, World

from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICKS, TableSpec
from ingest.clicks.commit import recover
from ingest.clicks.sync_ledger import Ledger
from ingest.clicks.user_agents import stable_hash
from ingest.sources import open_sources
from ingest.sync import prepare
from ingest.sync_progress import ProgressLines

FUTURE = datetime(2100, 1, 1, tzinfo=UTC)  # after whatever processes of their own call now


def facts(world: World) -> set[tuple[object, ...]]:
    return set(world.clicks().select("handle", "event_id", "at", "slug", "country", "visitor", "referrer").iter_rows())


def test_a_replayed_log_changes_no_total(world: World, tmp_path: Path) -> None:
    first = world.sync(write(tmp_path / "a.gz", realtime_text(requests(200))))
    before = facts(world)

    again = world.sync(write(tmp_path / "copy.gz", realtime_text(requests(200))))

    assert (first.identity.clicks, again.identity.clicks, again.identity.duplicates) == (200, 0, 200)
    assert facts(world) == before
    assert world.counts().filter(pl.col("grain") == "day")["clicks"].sum() == 200


def test_shuffled_and_split_otherwise_the_lake_is_the_same(tmp_path: Path) -> None:
    lines = [Request(number, path="/launch" if number % 3 else "/about") for number in range(500)]
    lines += lines[:40]
    lakes: list[set[tuple[object, ...]]] = []
    for seed in range(3):
        world = World(tmp_path / str(seed))
        world.load()
        # One secret for all: the visitor hash is keyed.
        world.environment = {"CLICKLEDGER_VISITOR_SECRET": "v" * 40, "CLICKLEDGER_JWT_SECRET": "j" * 40}
        shuffled = random.Random(seed).sample(lines, len(lines))
        size = 60 + 110 * seed
        for start in range(0, len(shuffled), size):
            write(tmp_path / str(seed) / "logs" / f"{start:04}.gz", realtime_text(shuffled[start : start + size]))
        world.sync(tmp_path / str(seed) / "logs")
        lakes.append(facts(world))

    assert len(lakes[0]) == 500
    assert lakes[0] == lakes[1] == lakes[2]


def test_one_id_with_two_contents_keeps_the_first_and_counts_a_conflict(world: World, tmp_path: Path) -> None:
    other = Request(1, path="/about")
    world.sync(write(tmp_path / "a.gz", realtime_text([Request(1), other])))
    world.sync(write(tmp_path / "b.gz", realtime_text([other])))
    world.sync(write(tmp_path / "c.gz", standard_text([Request(1)])))

    assert world.clicks()["slug"].to_list() == ["launch"]
    with world.database.connect() as connection:
        conflicts = connection.exec_driver_sql("SELECT conflicts FROM batches ORDER BY committed_at, source").scalars()
        assert sorted(conflicts) == [0, 1, 1]


def test_two_syncs_of_one_source_at_once_count_every_line_once(world: World, tmp_path: Path) -> None:
    world.environment = {"CLICKLEDGER_BATCH_MEGABYTES": "1"}
    for part in range(12):
        write(tmp_path / "logs" / f"{part:02}.gz", realtime_text(requests(1_500, start=1_500 * part)))
    both = [world.start("sync", "--source", str(tmp_path / "logs")) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    assert world.clicks().select("event_id").n_unique() == world.clicks().height == 18_000
    assert all(check["holds"] for check in world.run_json("verify", "--json"))
    with world.database.connect() as connection:
        lines = connection.exec_driver_sql("SELECT sum(lines), sum(clicks), sum(duplicates) FROM batches").one()
    assert tuple(lines) == (18_000, 18_000, 0)


def test_two_sources_with_the_same_lines_at_once_count_every_line_once(world: World, tmp_path: Path) -> None:
    world.environment = {"CLICKLEDGER_BATCH_MEGABYTES": "1"}
    processes: list[Program] = []
    for name, text in (("realtime", realtime_text), ("standard", standard_text)):
        for part in range(6):
            write(tmp_path / name / f"{part}.gz", text(requests(1_500, start=1_500 * part)))
        processes.append(world.start("sync", "--source", str(tmp_path / name)))
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    assert world.clicks().select("event_id").n_unique() == world.clicks().height == 9_000
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_link_that_moves_to_another_campaign_stamps_later_clicks_only(world: World, tmp_path: Path) -> None:
    early, late = Request(1), Request(2, at=world.now + timedelta(hours=2))
    moved = {
        "handles": [
            {
                "handle": "acme",
                "plan": "PRO",
                "planSince": "2026-01-01T00:00:00Z",
                "campaigns": [{"campaignId": "summer", "name": "Summer"}],
                "links": [{"slug": "launch", "destinationUrl": "https://shop.example/", "campaignId": "summer"}],
            }
        ]
    }
    world.load(moved, at=world.now + timedelta(hours=1))

    world.sync(write(tmp_path / "a.gz", realtime_text([late, early])))

    assert world.clicks().sort("at")["campaign_id"].to_list() == ["spring-launch", "summer"]


def test_a_click_after_its_link_is_gone_has_no_campaign(world: World, tmp_path: Path) -> None:
    gone, back = world.now + timedelta(hours=1), world.now + timedelta(hours=3)
    without = deepcopy(ACCOUNTS)
    without["handles"][0]["links"] = without["handles"][0]["links"][1:]
    world.load(without, at=gone)
    clicks = [Request(0), Request(1, at=gone - timedelta(seconds=1)), Request(2, at=gone), Request(3, at=back)]
    world.sync(write(tmp_path / "a.gz", realtime_text(clicks)))

    world.load(at=back)
    again = [Request(4, at=back - timedelta(seconds=1)), Request(5, at=back)]
    world.sync(write(tmp_path / "b.gz", realtime_text(again)))

    stamped = ["spring-launch", "spring-launch", None, None, None, "spring-launch"]
    by_id = {row["event_id"]: row["campaign_id"] for row in world.clicks().to_dicts()}
    ids = pl.DataFrame({"id": [request.id for request in [*clicks, *again]]}).select(stable_hash("id"))["id"]
    assert [by_id[one] for one in ids] == stamped


def test_compaction_changes_no_number(world: World, tmp_path: Path) -> None:
    for part in range(5):
        world.sync(write(tmp_path / f"{part}.gz", realtime_text(requests(50, start=50 * part))))
    before = facts(world), world.counts().group_by("grain", "slug").agg(pl.col("clicks").sum()).sort("grain", "slug")

    done = {row["table"]: row for row in world.run_json("compact", "--json")}

    after = facts(world), world.counts().group_by("grain", "slug").agg(pl.col("clicks").sum()).sort("grain", "slug")
    assert before[0] == after[0]
    assert before[1].equals(after[1])
    assert done["click_counts"]["files_before"] == 15
    assert done["click_counts"]["files_after"] == 3
    assert all(check["holds"] for check in world.run_json("verify", "--json"))
    assert world.sync(write(tmp_path / "9.gz", realtime_text(requests(50, start=450)))).identity.clicks == 50
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_batch_that_another_process_commits_while_a_sync_begins_is_no_loss(world: World, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    write(logs / "a.gz", realtime_text(requests(3)))
    world.sync(logs)
    others = iter([world])

    class Overtaken(Lake):
        """What the lake held when it was opened; before the caller goes on, another process commits more."""

        def open(self, spec: TableSpec) -> DeltaTable:
            table = super().open(spec)
            if spec == CLICKS and (other := next(others, None)):
                other.sync(write(logs / "b.gz", realtime_text(requests(4, start=3))).parent)
            return table

    ledger = Ledger(world.database)

    assert recover(str(logs), Overtaken(world.settings.lake_url), ledger) == 1
    assert (recover(str(logs), world.lake, ledger), ledger.last_number(str(logs))) == (2, 2)
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_lake_that_lost_what_the_ledger_knows_is_told_not_guessed(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "a.gz", realtime_text(requests(3)))
    world.sync(log)
    shutil.rmtree(world.folder / "var" / "lake")

    ran = world.run("sync", "--source", str(log), check=False)

    assert ran.returncode == 1
    assert "The ledger knows 1 batches" in ran.stderr


def test_a_database_that_was_lost_is_filled_again_from_the_lake(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "a.gz", realtime_text(requests(3)))
    world.sync(log)
    for file in (world.folder / "var").glob("clickledger.sqlite*"):
        file.unlink()
    world.load()

    again = world.sync(log)

    assert again.identity.lines == 0
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_source_that_is_gone_does_not_keep_the_others_from_being_read(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "a.gz", realtime_text(requests(3)))

    ran = world.run("sync", "--source", str(tmp_path / "gone"), "--source", str(log), check=False)

    assert ran.returncode == 1
    assert "gone does not exist" in ran.stderr
    assert world.clicks().height == 3
    with world.database.connect() as connection:
        assert connection.exec_driver_sql("SELECT complete FROM syncs").scalars().all() == [0]


def test_a_field_list_that_fits_no_object_fails_the_sync_until_it_is_mended(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "logs" / "a.gz", realtime_text(requests(5)))
    words = ("sync", "--source", str(log.parent))
    wrong = ("--fields", "timestamp,sc-status,cs-host,cs-uri-stem,x-edge-request-id")

    first, second = world.run(*words, *wrong, check=False), world.run(*words, *wrong, check=False)

    assert (first.returncode, second.returncode) == (1, 1)
    assert "1 object refused: no header, and no line has the 5 columns" in first.stderr
    assert "field list: they have 46. For example" in first.stderr
    assert world.run(*words, "--full").returncode == 0
    write(log.parent / "foreign.csv", "a,b\n")
    assert world.run(*words).returncode == 0  # one foreign file among logs is no mistake
    assert world.clicks().height == 5


def test_fields_that_fit_no_longer_fail_the_sync_until_they_are_mended(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    write(folder / "a.gz", realtime_text(requests(5)))
    words = ("sync", "--source", str(folder))
    assert world.run(*words).returncode == 0
    fewer = [name for name in REALTIME if name != "asn"]
    codes: list[int] = []
    for part in range(1, 5):  # the configuration at CloudFront changed
        write(folder / f"{part}.gz", realtime_text(requests(5, start=5 * part), fewer))
        ran = world.run(*words, check=False)
        assert "1 object refused: no header" in ran.stderr
        codes.append(ran.returncode)

    assert codes == [0, 0, 1, 1]
    assert "its newest objects were all refused" in world.run(*words, check=False).stderr
    assert world.run(*words, "--full", "--fields", ",".join(fewer)).returncode == 0
    assert world.run(*words).returncode == 0
    assert world.clicks().height == 25


def test_hosts_that_become_known_are_counted_by_a_full_sync(world: World, tmp_path: Path) -> None:
    lines = [Request(number, host="nova.clickledger.localhost") for number in range(5)]
    log = write(tmp_path / "a.gz", realtime_text([*lines, Request(9)]))
    ran = world.run("sync", "--source", str(log))
    assert "5 of 6 redirects were on hosts that belong to no handle." in ran.stderr
    assert world.sync(log, full=True).identity.lines == 0

    world.load({"handles": [{"handle": "nova", "plan": "FREE", "planSince": "2026-01-01T00:00:00Z"}]}, at=FUTURE)
    again = world.sync(log, full=True)

    assert (again.identity.clicks, again.identity.duplicates, again.identity.unknown_hosts) == (5, 1, 0)
    assert replace(world, now=FUTURE).sync(log, full=True).identity.lines == 0
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


NOVA = {"handles": [{"handle": "nova", "plan": "FREE", "planSince": "2026-01-01T00:00:00Z"}]}


def test_lines_read_before_their_accounts_are_not_forgotten_while_their_file_grows(
    world: World, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    lines = [Request(number, host="nova.clickledger.localhost") for number in range(6)]
    write(log, realtime_text(lines[:3]))
    world.sync(log)
    world.load(NOVA)
    write(log, realtime_text(lines))
    assert world.sync(log).identity.clicks == 3

    assert world.sync(log, full=True).identity.clicks == 3
    assert world.sync(log, full=True).identity.lines == 0


def test_accounts_that_are_loaded_while_a_sync_runs_are_new_to_what_it_read(world: World, tmp_path: Path) -> None:
    log = write(tmp_path / "a.gz", realtime_text([Request(1, host="nova.clickledger.localhost")]))
    opened = open_sources([str(log)], None, world.settings, lambda: FUTURE)
    run = prepare(world.settings, world.lake, world.database, lambda: FUTURE, ProgressLines())
    world.load(NOVA)

    assert run.run(opened).identity.unknown_hosts == 1
    assert world.sync(log, full=True).identity.clicks == 1
