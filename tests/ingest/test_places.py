"""Folders, prefixes and database URLs with whatever the system allows in a name: they work, or nothing begins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx2 as httpx
import pytest
from support import s3
from support.logs import realtime_text, requests, write
from support.servers import SERVER, running
from support.world import ACCOUNTS, ROOT, World

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.model import Period, Query
from analytics_core.store import object_storage
from ingest.__main__ import main

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
EVERYTHING = "50% #1? [a*b] {c} k=v \"ä'& +;,:@"


def clicks_of(world: World) -> list[int]:
    """Of the answer, which reads roll-ups, and of the download, which reads facts."""
    application = build(world.settings)
    analytics = application.analytics
    try:
        answer = analytics.run(Query("acme", "country", MARCH), Actor("user_ann"))
        events = analytics.export_rows(Query("acme", "event", MARCH), Actor("user_ann"))
        return [answer.totals.clicks, sum(frame.height for frame in events.frames)]
    finally:
        analytics.close()


def test_state_logs_and_redirects_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    world = World(tmp_path / EVERYTHING)
    accounts = write(world.folder / "accounts #1.json", json.dumps(ACCOUNTS))
    write(world.folder / "logs" / "a.log", realtime_text(requests(20)))
    world.run("accounts", str(accounts))
    world.run("sync", "--source", "logs")
    world.run("compact")
    with running(world, *SERVER) as (base, _):
        header = {"Authorization": f"Bearer {world.run_token('user_ann')}"}
        asked = {"groupBy": "slug", "fromDay": "20260301", "toDay": "20260331"}
        answer = httpx.get(f"{base}/v2/handles/acme/analytics", params=asked, headers=header, timeout=60)
        ready = httpx.get(f"{base}/readyz", timeout=60)
        redirected = httpx.get(f"{base}/r/acme/launch", timeout=60)
    read = world.run_json("sync", "--source", "var/redirect-logs")

    assert answer.json()["totals"]["clicks"] == 20
    assert (ready.status_code, redirected.status_code, read["clicks"]) == (200, 302, 1)
    assert all(check["holds"] for check in world.run_json("verify", "--json"))
    assert [path.name for path in tmp_path.iterdir()] == [EVERYTHING]
    assert {path.name for path in world.folder.iterdir() if path.is_dir()} == {"logs", "var"}


def test_a_state_folder_whose_name_looks_encoded_takes_a_lake_elsewhere(tmp_path: Path) -> None:
    world = World(tmp_path / "my%20state", {"CLICKLEDGER_LAKE": str(tmp_path / "lake")})
    world.load()
    world.sync(write(tmp_path / "a.log", realtime_text(requests(20))))

    assert clicks_of(world) == [20, 20]
    assert (world.folder / "var" / "clickledger.sqlite").exists()
    assert not (tmp_path / "my state").exists()


def test_a_checkout_lies_in_a_folder_of_any_name(world: World, tmp_path: Path) -> None:
    checkout = tmp_path / "my #1 check%20out %(here)s?"
    for name in ("analytics_core", "ingest"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    accounts = write(tmp_path / "accounts.json", json.dumps(ACCOUNTS))
    environment = {**os.environ, "CLICKLEDGER_STATE": str(tmp_path / "fresh"), "PYTHONPATH": ""}
    for words in (["accounts", str(accounts)], ["verify"]):
        subprocess.run([sys.executable, "-m", "ingest", *words], cwd=checkout, env=environment, check=True, timeout=120)

    assert (tmp_path / "fresh" / "clickledger.sqlite").exists()


@pytest.mark.parametrize("name", ["a*b", "a?b", "a[x]b"])
def test_a_name_is_no_pattern_that_a_copy_beside_it_fits(tmp_path: Path, name: str) -> None:
    world = World(tmp_path / name)
    world.load()
    world.sync(write(tmp_path / "a.log", realtime_text(requests(20))))
    shutil.copytree(world.folder, tmp_path / "axb")

    assert clicks_of(world) == [20, 20]


@pytest.mark.s3
def test_a_lake_in_a_bucket_lies_below_a_prefix_of_any_name(world: World, storage: str, tmp_path: Path) -> None:
    bucket = s3.new_bucket(storage)
    there = replace(
        world, folder=tmp_path / "[x]*", environment={"CLICKLEDGER_LAKE": f"s3://{bucket}/{EVERYTHING}/env=prod"}
    )
    there.load()
    there.sync(write(tmp_path / "a.log", realtime_text(requests(20))))

    assert clicks_of(there) == [20, 20]
    kept = s3.connect(storage).list_objects_v2(Bucket=bucket).get("Contents", [])
    assert {one.get("Key", "").split("/")[0] for one in kept} == {EVERYTHING}


@pytest.fixture
def storage(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {**s3.KEYS, "AWS_ENDPOINT_URL": s3_endpoint, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    object_storage.forget_session()
    yield s3_endpoint
    object_storage.forget_session()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("LAKE=/data/my%20lake", "its name has %20, which is taken for another character"),
        ("LAKE=/data/a\\b", "its name has a backslash, which is taken for a slash"),
        ("LAKE=/data/a\nb", "its name has a control character"),
        ("LAKE=/data/day=1/lake", "a folder named day=… is taken for a column of its tables"),
        ("LAKE=/data/a=1/a=2", "a folder named a=… is taken for a column of its tables"),
        ("LAKE=s3://bucket/a//b", "its key has an empty part, or '.' or '..'"),
        ("LAKE=s3://bucket/../b", "its key has an empty part, or '.' or '..'"),
        ("LAKE=s3:///b", "The lake must be a folder or s3://bucket/prefix; got s3:///b."),
        ("LAKE=gs://bucket/b", "The lake must be a folder or s3://bucket/prefix; got gs://bucket/b."),
        ("DATABASE_URL=clickledger.sqlite", "CLICKLEDGER_DATABASE_URL must be sqlite:////folder/file or"),
        ("DATABASE_URL=mysql://host/clicks", "CLICKLEDGER_DATABASE_URL must be sqlite:////folder/file or"),
        ("DATABASE_URL=postgresql+psycopg://host:x/clicks", "CLICKLEDGER_DATABASE_URL must be sqlite:////folder"),
        ("DATABASE_URL=sqlite://", "CLICKLEDGER_DATABASE_URL must be sqlite:////folder/file or"),
        ("STATE=/dev/null/var", "The state folder /dev/null/var must be one to write to (Not a directory)"),
    ],
)
def test_the_first_command_refuses_what_cannot_work(
    setting: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLICKLEDGER_STATE", str(tmp_path / "var"))
    name, _, value = setting.partition("=")
    monkeypatch.setenv(f"CLICKLEDGER_{name}", value)

    for words in (["settings"], ["accounts", str(tmp_path / "none.json")], ["sync"]):
        assert main(words) == 1
        assert said in capsys.readouterr().err
