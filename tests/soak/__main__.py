"""`python -m soak` (with tests/ in PYTHONPATH; `make soak`): rounds without kills, then with, on each store.

One line a round; at the end kills, rounds, differences and seconds. Exit code 1 on any difference: the folder is kept
then, and nothing more is done on that store.
"""

from __future__ import annotations

import argparse
import math
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from soak.programs import Api, Programs
from soak.rounds import Outcome, Soak
from soak.stores import ROOT, STORES, Store

_SHOWN = 20  # differences of a round


@dataclass(slots=True)
class Sums:
    """What the outcomes of all rounds add up to."""

    kills: int = 0
    rounds: int = 0
    lines: int = 0
    programs: int = 0
    answers: int = 0
    differences: int = 0

    def add(self, outcome: Outcome) -> None:
        self.kills += outcome.kills
        self.rounds += 1
        self.lines += outcome.lines
        self.programs += outcome.programs
        self.answers += outcome.answers
        self.differences += len(outcome.differences)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="in all, shared by the stores (default 300)")
    parser.add_argument(
        "--rounds", type=int, default=10, help="of each store, without kills, before those with (default 10)"
    )
    parser.add_argument("--store", choices=tuple(STORES), action="append", help="default: both")
    parser.add_argument("--seed", help="of logs, posts and choices; default: a new one, which is printed")
    parser.add_argument("--folder", type=Path, help="where the stores lie; default: a new temporary one")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    seed = arguments.seed or secrets.token_hex(4)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="clickledger-soak-"))
    print(f"seed {seed}, folder {folder}", flush=True)
    began, sums = time.monotonic(), Sums()
    names = arguments.store or list(STORES)
    for name in names:
        with STORES[name](folder.absolute() / name) as store:
            _soak(store, f"{seed} {name}", arguments.rounds, math.ceil(arguments.kills / len(names)), sums)
    print(
        f"{sums.kills:,} kills, {sums.rounds:,} rounds, {sums.programs:,} programs, {sums.lines:,} lines, "
        f"{sums.answers:,} answers meanwhile, {sums.differences:,} differences, {time.monotonic() - began:,.0f} s; "
        f"seed {seed}",
        flush=True,
    )
    if sums.differences:
        print(f"See {folder}.", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def _soak(store: Store, seed: str, rounds: int, kills: int, sums: Sums) -> None:
    soak = Soak(store, Programs(store, random.Random(f"{seed} kills")), Api(store), seed)
    killed = 0
    try:
        soak.begin(_token(store))
        while soak.rounds < rounds or killed < kills:
            outcome = soak.round(is_deadly=soak.rounds >= rounds)
            killed += outcome.kills
            sums.add(outcome)
            print(
                f"{store.name}, round {soak.rounds}: {outcome.programs} programs, {outcome.kills} kills ({killed}), "
                f"{outcome.lines:,} lines, {outcome.answers} answers meanwhile, "
                f"{len(outcome.differences)} differences, {outcome.seconds:.1f} s",
                flush=True,
            )
            for difference in outcome.differences[:_SHOWN]:
                print(f"    {difference}", flush=True)
            if outcome.differences:
                return
    finally:
        soak.end()


def _stop(*_: object) -> NoReturn:
    """Ends the run in order: what it started ends with it."""
    sys.exit("stopped")


def _token(store: Store) -> str:
    """A reviewer's, for a week."""
    words = ["-m", "analytics_core", "token", "--user", "soak", "--staff", "--minutes", "10080"]
    ran = subprocess.run(
        [sys.executable, *words], env=dict(store.environment), cwd=ROOT, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(main())
    except pytest.skip.Exception as missing:  # a store whose server is not installed
        sys.exit(str(missing))
