"""`python -m support.worker`: runs commands of `python -m ingest` one after another, and imports everything once.

A line of JSON on stdin is (words, whether roll-ups catch up after every batch); its answer on stdout is (exit code,
what was printed, what was said on stderr). `Workers` are some of them, side by side, to be killed.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field

from soak.programs import CATCHING_UP, COMMANDS, Ended, last_json
from soak.stores import ROOT, Store


@dataclass(slots=True)
class Task:
    name: str
    worker: subprocess.Popen[str]
    began: float
    dies_after: float | None


@dataclass(slots=True)
class Workers:
    """Starts a worker for as many commands as run at once, and another one for each that was killed."""

    store: Store
    chance: random.Random
    _idle: list[subprocess.Popen[str]] = field(default_factory=list[subprocess.Popen[str]])
    _seconds: dict[str, float] = field(default_factory=dict[str, float])

    def start(self, name: str, *words: str, is_to_die: bool = False) -> Task:
        worker = self._idle.pop() if self._idle else self._worker()
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(([*COMMANDS[name], *words], name == CATCHING_UP)) + "\n")
        worker.stdin.flush()
        dies_after = self.chance.uniform(0, self._seconds.get(name, 1.0)) if is_to_die else None
        return Task(name, worker, time.monotonic(), dies_after)

    def finish(self, programs: Sequence[Task]) -> list[Ended]:
        with ThreadPoolExecutor(max(len(programs), 1)) as threads:
            return list(threads.map(self._finish, programs))

    def run(self, name: str, *words: str) -> Ended:
        return self._finish(self.start(name, *words))

    def end(self) -> None:
        for worker in self._idle:
            _end(worker)
        self._idle.clear()

    def _finish(self, task: Task) -> Ended:
        worker = task.worker
        death = threading.Timer(task.dies_after or 0, worker.kill)
        if task.dies_after is not None:
            death.start()
        assert worker.stdout is not None
        answer = worker.stdout.readline()
        death.cancel()
        if not answer:
            _end(worker)
            return Ended(task.name, task.dies_after is not None, worker.returncode, None, "")
        if task.dies_after is None:
            self._idle.append(worker)
        else:  # the timer may just be killing it
            death.join()
            _end(worker)
        self._seconds[task.name] = time.monotonic() - task.began
        code, printed, errors = json.loads(answer)
        return Ended(task.name, False, code, last_json(printed.splitlines()), errors)

    def _worker(self) -> subprocess.Popen[str]:
        environment = dict(self.store.environment) | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        return subprocess.Popen(
            [sys.executable, "-m", "support.worker"],
            env=environment,
            cwd=self.store.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _end(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            pipe.close()


def _run(words: list[str]) -> tuple[int, str, str]:
    from ingest.__main__ import main  # noqa: PLC0415  (tests that start workers need none of it)

    printed, said = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(said):
        try:
            code = main(words)
        except BaseException:  # the end of any command is an answer
            said.write(traceback.format_exc())
            code = 1
    return code, printed.getvalue(), said.getvalue()


def work() -> None:
    from ingest import sync  # noqa: PLC0415

    usual, answers = sync.CLICKS_AT_A_TIME, sys.stdout
    for line in sys.stdin:
        words, catches_up = json.loads(line)
        sync.CLICKS_AT_A_TIME = 1 if catches_up else usual
        answers.write(json.dumps(_run(words)) + "\n")
        answers.flush()


if __name__ == "__main__":
    work()
