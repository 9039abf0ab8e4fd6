"""Programs of the product as processes of their own that need not import it: each is a fork of one that did.

A Python process needs two seconds of a core to import the product, and a test run starts hundreds. `start` asks a
process, one for each process of pytest, which has imported everything and done nothing else, for a fork of it. The
fork has its own environment, folder and standard streams and runs `python -m …` or `python -c …` from there to its
end as an interpreter would: it may fail, be killed and be waited for. What differs from a start is the import alone, so
tests of how programs start use `subprocess`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO, Final, Self
from warnings import catch_warnings

ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("ingest", "analytics_core")
_NOT_FOR_PROGRAMS: Final = ("__main__", "analytics_core.ui", "migrations")  # of a command line or the API
_LATER: Final = ("boto3", "alembic.command", "uvicorn", "uvicorn.main", "uvicorn.protocols.http.auto")
_READ_AT_START: Final = ("PYTHON", "POLARS", "LD_", "MALLOC", "TZ", "OMP")  # by an interpreter and what it imports
_AT_MOST: Final = 1 << 20  # bytes of a request


class Fork:
    """A running program: what `subprocess.Popen` offers, as far as tests ask for it. Its pipes are text."""

    def __init__(self, pid: int, told: socket.socket, stdout: IO[str] | None, stderr: IO[str] | None) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._told = told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        self.wait()

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = int(self._told.recv(64))
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it writes to its pipes until it ends."""
        until = None if timeout is None else time.monotonic() + timeout
        with ThreadPoolExecutor(2) as threads:
            read = [threads.submit(_read, pipe) for pipe in (self.stdout, self.stderr)]
            try:
                written = [one.result(None if until is None else until - time.monotonic()) for one in read]
                self.wait(None if until is None else max(0, until - time.monotonic()))
            except TimeoutError as error:
                self.kill()
                self.wait()
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0) from error
        return written[0], written[1]


Program = Fork | subprocess.Popen[str]


def start(
    words: Sequence[str | bytes],
    environment: Mapping[str, str],
    folder: Path,
    *,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
    stderr: IO[bytes] | int = subprocess.DEVNULL,
) -> Program:
    """Starts the command `words` of this Python. What a fork cannot be is started as usual."""
    if not _can_fork(words, environment):
        return subprocess.Popen(words, env=environment, cwd=folder, stdout=stdout, stderr=stderr, text=True)
    with Path(os.devnull).open("r+b") as nothing:
        ours: list[IO[str] | None] = [None, None]
        theirs = [nothing.fileno(), nothing.fileno(), nothing.fileno()]
        pipes: list[int] = []
        for place, wanted in enumerate((stdout, stderr)):
            if wanted == subprocess.PIPE:
                reading, writing = os.pipe()
                ours[place] = os.fdopen(reading, encoding="utf-8")
                pipes.append(writing)
                theirs[place + 1] = writing
            elif not isinstance(wanted, int):
                theirs[place + 1] = wanted.fileno()
        told, telling = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asked = {"words": [os.fsdecode(word) for word in words[1:]], "environment": dict(environment)}
        message = json.dumps(asked | {"folder": str(folder)}).encode()
        socket.send_fds(_server(), [message], [*theirs, telling.fileno()])
        telling.close()
        for pipe in pipes:
            os.close(pipe)
    return Fork(int(told.recv(64)), told, ours[0], ours[1])


def run(
    words: Sequence[str | bytes], environment: Mapping[str, str], folder: Path, *, check: bool, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Like `subprocess.run` that captures what is written."""
    program = start(words, environment, folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    written, said = program.communicate(timeout=timeout)
    code = program.wait()
    if check and code:
        raise subprocess.CalledProcessError(code, list(words), written, said)
    return subprocess.CompletedProcess(list(words), code, written, said)


def _can_fork(words: Sequence[str | bytes], environment: Mapping[str, str]) -> bool:
    if sys.platform != "linux" or words[0] != sys.executable or words[1] not in ("-m", "-c") or words[2] == "streamlit":
        return False
    names = {name for name in {*environment, *os.environ} if name.startswith(_READ_AT_START) and name != "PYTHONPATH"}
    return all(environment.get(name) == os.environ.get(name) for name in names)


def _read(pipe: IO[str] | None) -> str:
    if pipe is None:
        return ""
    with pipe:
        return pipe.read()


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    words = [sys.executable, "-m", "support.forks", str(theirs.fileno())]
    process = subprocess.Popen(words, env=environment, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _import_everything() -> None:
    for package in _PACKAGES:
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not any(part in module.name for part in _NOT_FOR_PROGRAMS):
                importlib.import_module(module.name)
    for name in _LATER:
        importlib.import_module(name)


def _serve(asked: socket.socket) -> list[str] | None:
    """Forks for each request until nobody can ask any more. Returns in a fork, with the words that it is to run."""
    running: dict[int, tuple[int, socket.socket]] = {}  # of a descriptor that tells of its end
    while True:
        for ready in select.select([asked.fileno(), *running], [], [])[0]:
            if ready != asked.fileno():
                pid, telling = running.pop(ready)
                os.close(ready)
                telling.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                telling.close()
                continue
            message, (stdin, stdout, stderr, tells), *_ = _received(asked)
            if not message:
                return None
            with catch_warnings(action="ignore"):  # of threads: those here are idle ones of allocators, not Python's
                pid = os.fork()
            if pid == 0:
                for descriptor in (*running, tells):
                    os.close(descriptor)
                for _, telling in running.values():
                    telling.close()
                asked.close()
                return _become(json.loads(message), (stdin, stdout, stderr))
            telling = socket.socket(fileno=tells)
            telling.send(str(pid).encode())
            running[os.pidfd_open(pid)] = (pid, telling)
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)


def _received(asked: socket.socket) -> tuple[bytes, list[int]]:
    message, descriptors, _, _ = socket.recv_fds(asked, _AT_MOST, 4)
    return message, descriptors or [-1] * 4


def _become(asked: dict[str, object], streams: Sequence[int]) -> list[str]:
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(asked["environment"])  # type: ignore[arg-type]
    os.chdir(str(asked["folder"]))
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    return asked["words"]  # type: ignore[return-value]


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for pytest, which tells when nobody asks any more
    _import_everything()
    gc.freeze()  # forks share it
    words = _serve(socket.socket(fileno=int(sys.argv[1])))
    gc.unfreeze()  # what ends is collected as always
    if words is None:
        os._exit(0)  # it has nothing to clean up
    option, what, *arguments = words
    sys.argv = ["-c" if option == "-c" else what, *arguments]
    if option == "-c":
        exec(what, {"__name__": "__main__"})
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
