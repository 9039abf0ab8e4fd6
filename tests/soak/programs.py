"""The product's own programs as processes: started, killed at random instants, and told apart by how they ended."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
from support.api import free_port

from soak.stores import Store

_MOST_SECONDS: Final = 600.0
# `python -m ingest`, with roll-ups that catch up in a thread after every batch, as they do in a long backlog.
CATCHES_UP: Final = (
    "import sys; from ingest import sync; sync.CLICKS_AT_A_TIME = 1; "
    "from ingest.__main__ import main; sys.exit(main(sys.argv[1:]))"
)
CATCHING_UP: Final = "catching up"
# By what rounds call them: the words of `python -m ingest`, before those that differ from run to run.
COMMANDS: Final = {
    "sync": ("sync",),
    CATCHING_UP: ("sync",),
    "compact": ("compact", "--json"),
    "accounts": ("accounts",),
    "add delivery": ("deliveries", "add"),
    "deliver": ("deliver",),
    "verify": ("verify", "--json"),
}


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that is over. `killed` by us; `json`: the last line that it printed, if that was JSON."""

    name: str
    killed: bool
    code: int
    json: Any
    errors: str

    @property
    def has_failed(self) -> bool:
        return not self.killed and self.code != 0


@dataclass(slots=True)
class Program:
    name: str
    process: subprocess.Popen[bytes]
    output: Path
    began: float
    kill_at: float = float("inf")  # monotonic seconds


@dataclass(slots=True)
class Programs:
    """Starts programs of a store and waits for them. It learns how long each kind takes, and kills within that time."""

    store: Store
    chance: random.Random
    started: int = 0
    _seconds: dict[str, float] = field(default_factory=dict[str, float])

    def start(self, name: str, *words: str, is_to_die: bool = False) -> Program:
        self.started += 1
        python = ("-c", CATCHES_UP) if name == CATCHING_UP else ("-m", "ingest")
        output = self.store.folder / "programs" / f"{self.started:06}-{name.replace(' ', '-')}"
        output.parent.mkdir(exist_ok=True)
        with output.with_suffix(".out").open("wb") as out, output.with_suffix(".err").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, *python, *COMMANDS[name], *words],
                env=dict(self.store.environment),
                cwd=self.store.folder,
                stdout=out,
                stderr=errors,
            )
        program = Program(name, process, output, time.monotonic())
        if is_to_die:  # the first third is imports
            program.kill_at = program.began + self.chance.uniform(0.35, 1.0) * self._seconds.get(name, 4.0)
        return program

    def finish(self, programs: Sequence[Program]) -> list[Ended]:
        """Waits until all have ended, and kills those that are to die when their time has come."""
        left = list(programs)
        ended: dict[int, Ended] = {}
        try:
            while left:
                now = time.monotonic()
                for program in left:
                    if now > min(program.kill_at, program.began + _MOST_SECONDS):
                        program.process.kill()
                        program.process.wait()
                    if program.process.poll() is not None:
                        ended[id(program)] = self._end(program, now)
                left = [program for program in left if id(program) not in ended]
                time.sleep(0.005)
        finally:  # nothing outlives a run that was stopped
            for program in left:
                program.process.kill()
        return [ended[id(program)] for program in programs]

    def run(self, name: str, *words: str) -> Ended:
        return self.finish([self.start(name, *words)])[0]

    def _end(self, program: Program, now: float) -> Ended:
        code = program.process.returncode
        killed = code == -signal.SIGKILL and program.kill_at < float("inf")
        if not killed:
            seconds = now - program.began
            self._seconds[program.name] = (self._seconds.get(program.name, seconds) + seconds) / 2
        printed = program.output.with_suffix(".out").read_text().splitlines()
        errors = program.output.with_suffix(".err").read_text()
        return Ended(program.name, killed, code, last_json(printed), errors[-2_000:])


def last_json(lines: Sequence[str]) -> Any:
    try:
        return json.loads(lines[-1]) if lines else None
    except ValueError:
        return None


class Api:
    """The API's server on one port, started again whenever it was killed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.base = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        words = [sys.executable, "-m", "uvicorn", "analytics_core.api:app", "--port", str(self._port)]
        log = self._store.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                words, env=dict(self._store.environment), cwd=self._store.folder, stdout=output, stderr=output
            )
        until = time.monotonic() + 300  # of a machine that does much else
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if httpx.get(f"{self.base}/healthz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise SystemExit(f"The API does not answer: see {log}.")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
