"""The folder of redirect logs: a plain file for each process that serves redirects, gzipped when it is full or old.

A line is one append, so a process that is killed leaves whole lines. Its file is locked for as long as it lives: one
that nobody holds was left by a process that died, and is gzipped at the next start. While a file is gzipped, and after
a crash in between, its lines may be read twice: their request ids make them duplicates.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import secrets
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

LARGEST_BYTES: Final = 64 * 2**20
OLDEST: Final = timedelta(minutes=15)
_PLAIN: Final = "redirects-*.log"

log = structlog.get_logger()


class RedirectLog:
    """The log of this process. Safe to share between threads; its file is made with the first line."""

    def __init__(self, folder: Path, *, largest_bytes: int = LARGEST_BYTES, oldest: timedelta = OLDEST) -> None:
        self._folder = folder
        self._largest_bytes = largest_bytes
        self._oldest = oldest
        self._lock = threading.Lock()
        self._open: _OpenFile | None = None

    def append(self, line: bytes, now: datetime) -> None:
        """Appends a whole line; it is with the operating system afterwards. Raises OSError, on a full disk for one."""
        with self._lock:
            file = self._open
            if file is not None and (file.size >= self._largest_bytes or now - file.opened_at >= self._oldest):
                threading.Thread(target=_compress, args=[file], name="clickledger-redirect-log").start()
                file = None
            if file is None:
                file = self._open = _open_file(self._folder, now)
            file.append(line)

    def collect(self) -> None:
        """Gzips what processes left that died."""
        for path in sorted(self._folder.glob(_PLAIN)):
            left = _abandoned(path)
            if left is not None:
                _compress(left)

    def close(self) -> None:
        """Gzips this process's own file."""
        with self._lock:
            file, self._open = self._open, None
        if file is not None:
            _compress(file)


class _OpenFile:
    """A plain file that this process holds the lock of."""

    def __init__(self, path: Path, descriptor: int, opened_at: datetime) -> None:
        self.path = path
        self.opened_at = opened_at
        self.size = 0
        self.descriptor = descriptor
        self._is_torn = False

    def append(self, line: bytes) -> None:
        rest = b"\n" + line if self._is_torn else line
        while rest:
            self._is_torn = True
            written = os.write(self.descriptor, rest)
            self.size += written
            rest = rest[written:]
        self._is_torn = False


def _open_file(folder: Path, now: datetime) -> _OpenFile:
    """A new file under a name of its own, which it gets when it is locked: before, it would look abandoned."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"redirects-{now:%Y-%m-%d-%H-%M-%S}-{secrets.token_hex(6)}.log"
    draft = path.with_name(f".{path.name}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    draft.rename(path)
    return _OpenFile(path, descriptor, now)


def _abandoned(path: Path) -> _OpenFile | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():
            return _OpenFile(path, descriptor, datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except BlockingIOError:  # its process lives
        pass
    os.close(descriptor)
    return None


def _compress(file: _OpenFile) -> None:
    """Puts the gzipped file in the place of the plain one, and gives its lock back."""
    path = file.path
    draft = path.with_name(f".{path.name}.gz.part")
    try:
        with path.open("rb") as plain, draft.open("wb") as target:
            os.fchmod(target.fileno(), 0o600)
            with gzip.GzipFile(path.name, "wb", 6, target) as packed:
                shutil.copyfileobj(plain, packed, 2**20)
            target.flush()
            os.fsync(target.fileno())
        draft.rename(path.with_name(f"{path.name}.gz"))
        path.unlink()
    except OSError as error:  # the plain file stays, is read as it is, and is tried again at the next start
        log.warning("redirect_log_not_compressed", path=str(path), error=str(error))
    finally:
        os.close(file.descriptor)
