"""The demo world: the same for the same seed, true to itself, and shaped like real traffic."""

from __future__ import annotations

import gzip
import json
import re
import statistics
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from analytics_core.settings import Settings
from ingest.accounts.accounts_file import read_accounts
from ingest.demo import World, describe_truth, make_world
from ingest.demo.creators import load_creators
from ingest.demo.realtime import FIELDS
from ingest.demo.truth import NOT_TRACKED
from ingest.sources import SourceHistory, open_sources

END = datetime(2026, 3, 12, 12, tzinfo=UTC)
DOMAIN = "clickledger.localhost"
LINES = 24_000
DAYS = 30


def small_world(folder: Path, seed: int = 7, end: datetime = END) -> World:
    return make_world(folder, seed=seed, end=end, days=DAYS, lines=LINES, public_domain=DOMAIN)


def fingerprint(world: World) -> dict[str, str]:
    files = (*world.logs, world.accounts_file, world.sources_file, world.folder / "truth.json")
    return {str(path.relative_to(world.folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def read_lines(world: World) -> list[dict[str, str]]:
    """Every whole line by field name; what has another number of columns is left out."""
    found: list[dict[str, str]] = []
    for path in world.logs:
        names = [name for name in FIELDS if path.parent.name == "with-country" or name != "c-country"]
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            values = line.split("\t")
            if len(values) == len(names):
                found.append(dict(zip(names, values, strict=True)))
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return small_world(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def lines(world: World) -> list[dict[str, str]]:
    return read_lines(world)


def test_the_same_seed_makes_the_same_bytes(world: World, tmp_path: Path) -> None:
    assert fingerprint(small_world(tmp_path)) == fingerprint(world)


def test_another_seed_makes_another_world(world: World, tmp_path: Path) -> None:
    assert not set(fingerprint(small_world(tmp_path, seed=8)).values()) & {
        sha256(path.read_bytes()).hexdigest() for path in world.logs
    }


def test_a_folder_that_holds_the_world_is_reused_with_its_end(tmp_path: Path) -> None:
    made = small_world(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in made.logs}
    again = small_world(tmp_path, end=END + timedelta(hours=5))
    assert (made.is_new, again.is_new, again.end) == (True, False, END)
    assert {path: path.stat().st_mtime_ns for path in again.logs} == before


def test_another_recipe_replaces_every_log(tmp_path: Path) -> None:
    before = set(small_world(tmp_path).logs)
    other = small_world(tmp_path, seed=8)
    assert other.is_new
    assert not before & {path for path in before if path.exists()}


def test_every_line_is_in_one_bucket(world: World) -> None:
    written = sum(gzip.decompress(path.read_bytes()).count(b"\n") for path in world.logs)
    counted = dict(world.truth["lines"])
    assert counted.pop("lines") == written == LINES
    assert sum(counted.values()) == LINES
    assert all(counted.values())
    assert counted["clicks"] == sum(one["totals"]["clicks"] for one in world.truth["handles"].values())


@pytest.mark.parametrize("group_by", ["day", "slug", "country", "device", "referrer"])
def test_every_breakdown_adds_up_to_the_totals(world: World, group_by: str) -> None:
    for one in world.truth["handles"].values():
        rows = one["breakdowns"][group_by].values()
        for metric in ("clicks", "qualifiedClicks", "botClicks"):
            assert sum(row[metric] for row in rows) == one["totals"][metric]
        assert all(row["clicks"] == row["qualifiedClicks"] + row["botClicks"] for row in rows)


def test_the_truth_is_what_the_lines_say(world: World, lines: list[dict[str, str]]) -> None:
    """Counted again from the text, by the plainest rules."""
    owners = {f"{one.handle}.{DOMAIN}": one.handle for one in load_creators()}
    owners |= {domain: one.handle for one in load_creators() for domain in one.domains}
    slugs = {(one.handle, link.slug) for one in load_creators() for link in one.live_links}
    seen: dict[str, tuple[str, str, str]] = {}
    for line in lines:
        is_redirect = line["sc-status"] in ("302", "307") and line["cs-protocol"] == "https"
        handle = owners.get(line["cs-host"].lower().removesuffix(":443"), "")
        slug = line["cs-uri-stem"].split("?")[0].removeprefix("/")
        if is_redirect and line["timestamp"].replace(".", "").isdigit() and (handle, slug) in slugs:
            seen[line["x-edge-request-id"]] = (handle, slug, line.get("c-country", NOT_TRACKED).replace("-", "ZZ"))
    for handle, one in world.truth["handles"].items():
        mine = [(slug, country) for owner, slug, country in seen.values() if owner == handle]
        for place, group_by in enumerate(("slug", "country")):
            counted = {key: row["clicks"] for key, row in one["breakdowns"][group_by].items()}
            assert Counter(row[place] for row in mine) == counted


def test_copies_are_exact_and_come_in_other_files_too(world: World) -> None:
    places: dict[str, list[tuple[Path, str]]] = {}
    for path in world.logs:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            places.setdefault(line.split("\t")[12 if line.count("\t") > 20 else 0], []).append((path, line))
    copied = [found for found in places.values() if len(found) > 1]
    assert len(copied) >= world.truth["lines"]["duplicates"]
    assert all(len({line for _, line in found}) == 1 for found in copied)
    assert any(len({path for path, _ in found}) > 1 for found in copied)


def test_country_starts_late_and_says_since_when(world: World) -> None:
    for one in world.truth["handles"].values():
        since = one["countryTrackedFrom"]
        assert since is not None
        before = sum(row["clicks"] for day, row in one["breakdowns"]["day"].items() if day < since)
        until = before + one["breakdowns"]["day"][since]["clicks"]
        assert before <= one["breakdowns"]["country"][NOT_TRACKED]["clicks"] <= until


def test_ingest_reads_the_accounts_and_the_sources(world: World) -> None:
    accounts = read_accounts(world.accounts_file)
    assert sorted(entry.plan.value for entry in accounts.handles) == ["ENTERPRISE", "FREE", "PRO"]
    assert all(
        10 <= len(entry.links) <= 60 and len({one.role for one in entry.collaborators}) == 3
        for entry in accounts.handles
    )
    settings = Settings(_env_file=None, sources=world.sources_file)  # type: ignore[call-arg]
    sources = open_sources([], None, settings, lambda: END)
    *logs, redirects = sources
    assert [len(source.config.fields.names) for source in logs] == [45, 46]
    assert redirects.config.url == str(world.folder.parent / "redirect-logs")
    found = [item.key for source in logs for item in source.objects(SourceHistory(), everything=True)]
    assert sorted(found) == sorted(str(path) for path in world.logs)
    assert 24 <= len(found) <= 200


def test_bots_are_a_tenth_and_x_sends_one_get_and_three_heads(world: World, lines: list[dict[str, str]]) -> None:
    totals = [one["totals"] for one in world.truth["handles"].values()]
    assert 0.08 <= sum(one["botClicks"] for one in totals) / sum(one["clicks"] for one in totals) <= 0.15
    methods = Counter(line["cs-method"] for line in lines if line["cs-user-agent"] == "Twitterbot/1.0")
    assert methods["HEAD"] > 2.5 * methods["GET"] > 0


def test_people_click_by_day_in_the_time_zone_of_the_handle(lines: list[dict[str, str]]) -> None:
    for creator in load_creators():
        hours = Counter(
            datetime.fromtimestamp(float(line["timestamp"]), ZoneInfo(creator.timezone)).hour
            for line in lines
            if creator.handle in line["cs-host"] and line["timestamp"].replace(".", "").isdigit()
        )
        assert sum(hours[hour] for hour in range(19, 22)) > 3 * sum(hours[hour] for hour in range(2, 5))


def test_the_launch_is_a_spike_that_fades_in_three_days(world: World) -> None:
    days = [row["clicks"] for row in world.truth["handles"]["nilaray"]["breakdowns"]["day"].values()]
    peak = days.index(max(days))
    usual = statistics.median(days)
    assert days[peak] > 3 * usual
    assert days[peak + 3] < 2 * usual


def test_few_links_have_most_clicks(world: World) -> None:
    for one in world.truth["handles"].values():
        counts = sorted((row["clicks"] for row in one["breakdowns"]["slug"].values()), reverse=True)
        assert sum(counts[:5]) > 0.3 * sum(counts)
        assert counts[-1] < counts[0] / 10


def test_the_truth_is_shown_as_a_table(world: World) -> None:
    shown = describe_truth(world)
    assert re.search(r"\?period=custom&from=\d{4}-\d\d-\d\d&to=\d{4}-\d\d-\d\d&tz=utc ", shown)
    for handle, one in world.truth["handles"].items():
        assert handle in shown
        assert f"{one['totals']['clicks']:,}" in shown
    assert json.loads((world.folder / "truth.json").read_text()) == world.truth
