"""How far a sync is: a bar on a terminal, plain lines elsewhere. Always on stderr: stdout is for the result."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


class ProgressBar:
    """Counts bytes of log objects as stored."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=Console(stderr=True))

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def plan(self, source: str, size: int) -> None:
        for task in self._bar.task_ids:
            self._bar.update(task, visible=False)
        self._bar.add_task(source if len(source) <= 40 else f"…{source[-39:]}", total=size)

    def read(self, size: int) -> None:
        self._bar.advance(self._bar.task_ids[-1], size)


class ProgressLines:
    """A line at every tenth of a source."""

    def __init__(self) -> None:
        self._total = self._done = self._tenths = 0

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            sys.stderr.flush()

    def plan(self, source: str, size: int) -> None:
        self._total, self._done, self._tenths = size, 0, 0
        _say(f"{source}: {_in_words(size)} to read")

    def read(self, size: int) -> None:
        self._done += size
        tenths = 10 * self._done // max(self._total, 1)
        if tenths > self._tenths:
            self._tenths = tenths
            _say(f"{tenths * 10} % of {_in_words(self._total)}")


def _in_words(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size:,} bytes"


def _say(line: str) -> None:
    with suppress(OSError):  # where stderr is a file on a full disk, the reading goes on
        sys.stderr.write(f"{line}\n")


def progress() -> ProgressBar | ProgressLines:
    return ProgressBar() if sys.stderr.isatty() else ProgressLines()
