"""`explain` on the command line: the SQL of a question and the engine's plan of it, by the path of the API."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.logs import realtime_text, requests, write
from support.world import ROOT, World


def explain(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "analytics_core", "explain", *words]
    return subprocess.run(
        command, env=world.process_environment(), cwd=world.folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def filled(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.load()
    world.sync(write(tmp_path / "a.gz", realtime_text(requests(30))))
    return world


def test_a_question_is_shown_as_it_is_run(filled: World) -> None:
    days = ("--from-day", "20260301", "--to-day", "20260312", "--tz", "Asia/Kolkata")
    ran = explain(filled, "--handle", "acme", "--group-by", "country", *days, "--filter", "device=DESKTOP")

    assert (ran.returncode, ran.stderr) == (0, "")
    sql, *_ = ran.stdout.splitlines()
    assert sql.startswith("WITH matching AS (SELECT slot")
    assert "acme" not in sql
    assert {"-- {day}: 1 files of click_counts", "-- $v0 = acme"} < set(ran.stdout.splitlines())
    assert "Total Time" in ran.stdout
    assert "READ_PARQUET" in ran.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--handle", "nobody", "--group-by", "day"), 1, "handle_not_found: "),
        (("--handle", "acme", "--group-by", "colour"), 1, "invalid_group_by: "),
        (("--handle", "acme", "--group-by", "day", "--tz", "Mars"), 1, "invalid_timezone: "),
        (("--handle", "acme", "--group-by", "day", "--filter", "colour=red"), 2, "got colour=red"),
        (("--handle", "acme"), 2, "--group-by"),
    ],
)
def test_a_question_that_is_none_is_told(filled: World, words: tuple[str, ...], code: int, said: str) -> None:
    ran = explain(filled, *words)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert said in ran.stderr


def test_make_explain_asks_the_same() -> None:
    words = ["HANDLE=acme", "GROUP_BY=slug", "TO_DAY=20260312", "FILTER=country=DE device=-BOT"]
    ran = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "explain", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    command = " ".join(ran.stdout.replace("\\\n", " ").split())
    assert 'explain --handle "acme" --group-by "slug" --to-day "20260312"' in command
    assert command.endswith('--filter "country=DE" --filter "device=-BOT"')
