"""What servers are given: units and an image that start commands and options which exist."""

from __future__ import annotations

import argparse
import json
import shlex
from configparser import ConfigParser
from pathlib import Path

import pytest
from support.world import ROOT

from analytics_core.command_line import parser
from analytics_core.commands import COMMANDS as ANSWERING
from ingest.commands import COMMANDS as READING

UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
PACKAGES = {"ingest.commands": READING, "analytics_core.commands": ANSWERING}
INSTRUCTIONS = {"FROM", "COPY", "RUN", "USER", "WORKDIR", "ENV", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"}


def unit(path: Path) -> ConfigParser:
    read = ConfigParser(interpolation=None)
    read.optionxform = lambda optionstr: optionstr  # systemd tells capitals apart
    read.read_string(path.read_text())
    return read


def command_of(words: list[str]) -> str:
    """Wrong usage raises SystemExit."""
    parser("clickledger", "", PACKAGES, None).parse_args(words)
    return words[0]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_starts_the_command_that_it_is_named_after(path: Path) -> None:
    program, *words = shlex.split(unit(path)["Service"]["ExecStart"])

    assert Path(program).name == "clickledger"
    assert command_of(words) == path.stem.removeprefix("clickledger-")


def test_what_ends_has_a_timer_and_what_does_not_is_started_again() -> None:
    timed = {path.stem for path in UNITS if path.suffix == ".timer"}

    assert {path.stem for path in SERVICES if unit(path)["Service"].get("Type") == "oneshot"} == timed
    assert all(unit(path)["Service"]["Restart"] == "always" for path in SERVICES if path.stem not in timed)


def test_the_image_serves() -> None:
    lines = (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    instructions = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    said = dict(instructions)

    assert set(said) == INSTRUCTIONS
    assert json.loads(said["ENTRYPOINT"]) == ["clickledger"]
    assert command_of(json.loads(said["CMD"])) == "serve"


def test_every_command_and_option_says_what_it_is_for() -> None:
    silent: list[str] = []

    def look(read: argparse.ArgumentParser) -> None:
        for action in read._actions:
            if not isinstance(action, argparse._SubParsersAction):
                silent.extend([f"{read.prog} {action.dest}"] if not action.help else [])
                continue
            silent.extend(f"{read.prog} {one.dest}" for one in action._choices_actions if not one.help)
            for command in action.choices.values():
                look(command)

    look(parser("clickledger", "", PACKAGES, None))
    assert silent == []
