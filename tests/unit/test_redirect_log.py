"""The folder of redirect logs: no line is lost, whatever ends a process."""

from __future__ import annotations

import gzip
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics_core.tracking.redirect_log import RedirectLog

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)


def lines_in(folder: Path) -> list[bytes]:
    """Every line of every file that a sync would read."""
    found: list[bytes] = []
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("."):
            data = path.read_bytes()
            found += (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines(keepends=True)
    return found


def wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "clickledger-redirect-log":
            thread.join()


def test_a_file_is_gzipped_when_it_is_full_or_old(tmp_path: Path) -> None:
    log = RedirectLog(tmp_path, largest_bytes=30, oldest=timedelta(minutes=15))
    for _ in range(5):
        log.append(b"ten bytes\n", NOW)
    log.append(b"ten bytes\n", NOW + timedelta(minutes=15))
    wait_for_threads()

    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gz", ".gz", ".log"]
    assert lines_in(tmp_path) == [b"ten bytes\n"] * 6
    log.close()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gz"] * 3
    assert lines_in(tmp_path) == [b"ten bytes\n"] * 6


def test_only_what_a_dead_process_left_is_collected(tmp_path: Path) -> None:
    alive = RedirectLog(tmp_path)
    alive.append(b"alive\n", NOW)
    (tmp_path / "redirects-2026-03-12-11-00-00-dead.log").write_bytes(b"dead\n")
    (tmp_path / ".redirects-2026-03-12-11-00-00-dead.log.gz.part").write_bytes(b"half a file")

    RedirectLog(tmp_path).collect()
    RedirectLog(tmp_path).collect()

    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gz", ".log"]
    assert sorted(lines_in(tmp_path)) == [b"alive\n", b"dead\n"]
    alive.append(b"still alive\n", NOW)
    alive.close()
    assert sorted(lines_in(tmp_path)) == [b"alive\n", b"dead\n", b"still alive\n"]


def test_threads_that_write_at_once_write_whole_lines(tmp_path: Path) -> None:
    log = RedirectLog(tmp_path, largest_bytes=20_000)
    expected = [f"{worker}-{number}".encode() * 20 + b"\n" for worker in range(8) for number in range(200)]
    threads = [
        threading.Thread(target=lambda part: [log.append(line, NOW) for line in part], args=[expected[start::8]])
        for start in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for_threads()

    assert sorted(lines_in(tmp_path)) == sorted(expected)
    log.close()


def test_after_a_failed_write_the_next_line_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RedirectLog(tmp_path)
    log.append(b"first\n", NOW)

    write, left = os.write, [3]

    def full(descriptor: int, data: bytes) -> int:
        if not left:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: left.pop()])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        log.append(b"second\n", NOW)
    monkeypatch.undo()
    log.append(b"third\n", NOW)

    assert lines_in(tmp_path) == [b"first\n", b"sec\n", b"third\n"]
    log.close()
