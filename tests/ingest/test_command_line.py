"""What the command line takes, and what it says to what it does not."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.logs import write
from support.world import World

from ingest.commands import COMMANDS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "--every", "0s"), "must be a time span such as 60s, 5m or 1h; got 0s"),
        (("sync", "--every", "soon"), "5m or 1h; got soon"),
        (("sync", "--once", "--every", "60s"), "not allowed with"),
        (("rejects", "--limit", "0"), "must be a whole number, 1 or more; got 0"),
        (("rejects", "--limit", "-1"), "1 or more; got -1"),
        (("demo", "--days", "0"), "must be a whole number, 1 or more; got 0"),
        (("anything",), "invalid choice"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(world: World, words: tuple[str, ...], said: str) -> None:
    ran = world.run(*words, check=False)

    assert ran.returncode == 2
    assert said in ran.stderr


def test_help_says_what_each_command_does(world: World) -> None:
    told = " ".join(world.run("--help").stdout.split())

    assert [line for line in COMMANDS.values() if line not in told] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_help(world: World, name: str) -> None:
    assert world.run(name, "--help").stdout.startswith(f"usage: python -m ingest {name} ")


def test_a_table_cuts_nothing_off(world: World, tmp_path: Path) -> None:
    """A key is what tells which file to look at."""
    log = write(tmp_path / "a-folder-with-a-long-name" / "2026-03-12-09.of-the-distribution.log", "no log\n")
    world.run("sync", "--source", str(log), check=False)

    shown = world.run("rejects").stdout

    assert "…" not in shown
    cells = [line.split("│")[2].strip() for line in shown.splitlines() if line.startswith("│")]
    assert cells == [str(log)]  # through a pipe each row is one line


@pytest.mark.parametrize(
    "words", [("--print-completion", "zsh"), ("token", "--user", "user_ann"), ("settings",)], ids=lambda words: words[0]
)
def test_who_stops_reading_gets_no_traceback(world: World, words: tuple[str, ...]) -> None:
    """As with `| head`: a long text breaks the pipe while it is written, a short one at the end."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = subprocess.run(
            [*world.command(), *words],
            env=world.process_environment(),
            cwd=world.folder,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(writer)

    assert (ran.returncode, ran.stderr) == (1, "")


def test_a_load_of_accounts_says_how_many_of_each_the_file_names(world: World, tmp_path: Path) -> None:
    acme = {
        "handle": "acme",
        "plan": "PRO",
        "planSince": "2026-01-01T00:00:00Z",
        "ownRules": [{"name": "my team", "network": "203.0.113.0/24"}],
        "countedPurposes": ["agent", "search"],
    }
    file = write(tmp_path / "accounts.json", json.dumps({"handles": [acme]}))

    said = world.run_json("accounts", str(file))

    assert (said["handles"], said["links"], said["own_rules"], said["counted_purposes"]) == (1, 0, 1, 2)


@pytest.mark.parametrize(("lines", "size"), [(1, "7 bytes"), (30_000, "0.2 MB")])
def test_a_sync_without_a_terminal_says_how_much_there_is_to_read(
    world: World, tmp_path: Path, lines: int, size: str
) -> None:
    log = write(tmp_path / "logs" / "some.log", "no log\n" * lines)

    said = world.run("sync", "--source", str(log), check=False).stderr.splitlines()

    assert said[0] == f"{log}: {size} to read"
    assert f"100 % of {size}" in said
