"""Days are those of the packaged time zones wherever Clickledger runs, and a new release makes new answers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support import tzif
from support.elsewhere import NOW
from support.logs import Request, realtime_text, write
from support.world import ROOT, World

from analytics_core.zones import RELEASE

# Either side of midnight in Vancouver, which is at 07:00Z; by the clocks of before 2026 both are of the 14th.
CLICKS = [datetime(2026, 11, 15, 6, 59, tzinfo=UTC), datetime(2026, 11, 15, 7, 30, tzinfo=UTC)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("zones"), now=NOW)
    world.load()
    lines = [Request(number, at=at) for number, at in enumerate(CLICKS)]
    world.sync(write(world.folder / "logs" / "a.gz", realtime_text(lines)))
    return world


@pytest.fixture(scope="module")
def here(world: World) -> dict[str, Any]:
    return ask(world)


def ask(world: World, code: str = "", python_path: Path | None = None, **environment: str) -> dict[str, Any]:
    """What a program is told that first runs `code`."""
    path = ":".join(str(folder) for folder in (python_path, ROOT, ROOT / "tests") if folder)
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\nfrom support.elsewhere import main; main({str(world.folder)!r})"],
        env=world.process_environment() | {"PYTHONPATH": path} | environment,
        cwd=world.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])  # after the log of requests


def database(folder: Path, content: bytes) -> Path:
    """A folder of zone files as an operating system has it, all of which say the same."""
    for name in ("UTC", "America/Vancouver", "Europe/Berlin", "Asia/Tokyo", "Mars/Olympus"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def package(folder: Path, *, release: str, **zones: bytes) -> Path:
    """The installed package `tzdata` with other words in some places."""
    made = folder / "tzdata"
    shutil.copytree(tzif.FOLDER.parent, made, ignore=shutil.ignore_patterns("__pycache__"))
    init = made / "__init__.py"
    init.write_text(init.read_text().replace(RELEASE, release))
    for name, content in zones.items():
        made.joinpath("zoneinfo", *name.split("/")).write_bytes(content)
    return folder


def test_days_are_those_of_the_package(here: dict[str, Any]) -> None:
    assert here["clicks"] == {"20261114": 1, "20261115": 1, "20261116": 0}
    assert here["today"] == "20261116"
    assert here["due"] == ["20261115"]
    assert here["events"] == ["2026-11-15T06:59:00.000Z", "2026-11-15T07:30:00.000Z"]
    assert here["range"] == {
        **{"fromDay": "20261114", "toDay": "20261116"},
        **{"timezone": "America/Vancouver", "timezoneRelease": RELEASE},
    }
    assert here["dataVersion"].endswith(f"-{RELEASE}")
    assert here["manifest"] == {"timezoneRelease": RELEASE, "dataVersion": here["dataVersion"]}
    assert here["metrics"] == [f'clickledger_time_zones_info{{release="{RELEASE}"}} 1.0']


def test_the_search_path_of_the_environment_changes_nothing(world: World, here: dict[str, Any], tmp_path: Path) -> None:
    foreign = database(tmp_path, tzif.content("Asia/Tokyo"))
    told = ask(world, PYTHONTZPATH=str(foreign))
    assert told == here | {"programsOwn": "9:00:00"}


def test_the_folders_of_the_system_change_nothing(world: World, here: dict[str, Any], tmp_path: Path) -> None:
    """As the program has them, which keeps them: its own use of zoneinfo is its own affair."""
    foreign = database(tmp_path, tzif.content("Asia/Tokyo"))
    told = ask(world, f"import zoneinfo; zoneinfo.reset_tzpath([{str(foreign)!r}])")
    assert told == here | {"programsOwn": "9:00:00"}


def test_a_machine_without_any_time_zones_changes_nothing(world: World, here: dict[str, Any]) -> None:
    told = ask(world, PYTHONTZPATH="")
    assert told == here | {"programsOwn": "-1 day, 17:00:00"}  # which zoneinfo then takes from the package, too


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "IST", "Mars/Olympus"])
def test_the_machines_own_zone_changes_nothing(world: World, here: dict[str, Any], zone: str) -> None:
    assert ask(world, TZ=zone) == here


def test_a_new_release_makes_a_new_data_version_and_etag(world: World, here: dict[str, Any], tmp_path: Path) -> None:
    told = ask(world, python_path=package(tmp_path, release="2027a"))
    assert told["clicks"] == here["clicks"]
    assert told["range"]["timezoneRelease"] == told["manifest"]["timezoneRelease"] == "2027a"
    assert told["metrics"] == ['clickledger_time_zones_info{release="2027a"} 1.0']
    assert told["dataVersion"] == here["dataVersion"].replace(RELEASE, "2027a")
    assert told["etag"] != here["etag"]


def test_a_new_release_moves_days(world: World, tmp_path: Path) -> None:
    files = {"America/Vancouver": tzif.content("America/Los_Angeles")}  # as if it had kept its winter time
    told = ask(world, python_path=package(tmp_path, release="2027a", **files))
    assert told["clicks"] == {"20261114": 2, "20261115": 0, "20261116": 0}
    assert told["today"] == "20261115"
    assert told["due"] == ["20261114"]
