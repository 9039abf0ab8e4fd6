"""Files of a lake under s3:// as local files: downloaded once, kept while space lasts, least recently used go first.

The lake's Parquet files never change, so a file that is here is right. Processes may share the folder: a download
becomes visible by an atomic rename, and a file that another process dropped is downloaded again.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

from analytics_core.errors import StoreUnavailableError
from analytics_core.store.object_storage import client, names_no_object, parse_location, storage_errors
from analytics_core.store.single_flight import SingleFlight

_DOWNLOADS_AT_ONCE: Final = 8
_ABANDONED_SECONDS: Final = 3_600


class VanishedFileError(Exception):
    """A file of a snapshot is gone, because a compaction replaced it: take a new snapshot."""


class FileCache:
    """`max_bytes` bounds the files that no query holds; those in use stay whatever their size."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._sizes: OrderedDict[Path, int] = OrderedDict()  # least recently used first
        self._holds: Counter[Path] = Counter()
        self._downloads: dict[Path, SingleFlight[os.stat_result]] = {}
        self._pool = ThreadPoolExecutor(_DOWNLOADS_AT_ONCE, thread_name_prefix="lake-files")
        folder.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        known = [(found.st_mtime, path, found.st_size) for path in folder.glob("*.parquet") if (found := _stat(path))]
        for _, path, size in sorted(known):
            self._sizes[path] = size

    @contextmanager
    def held(self, urls: Sequence[str]) -> Generator[list[str]]:
        """Local paths of the files, which stay there for the block. Raises VanishedFileError, StoreUnavailableError."""
        paths = [self._folder / f"{sha256(url.encode()).hexdigest()}.parquet" for url in urls]
        with self._lock:
            self._holds.update(paths)
        try:
            list(self._pool.map(self._fetch, urls, paths))
            yield [str(path) for path in paths]
        finally:
            with self._lock:
                self._holds.subtract(paths)
                self._holds += Counter()  # forgets those that nobody holds
                self._drop_oldest()

    def close(self) -> None:
        self._pool.shutdown()

    def _fetch(self, url: str, path: Path) -> None:
        with self._lock:
            if path in self._sizes:
                self._sizes.move_to_end(path)
            download = self._downloads.setdefault(path, SingleFlight(partial(_brought, url, path)))
        try:
            found = download()
        finally:
            with self._lock:
                self._downloads.pop(path, None)
        with self._lock:
            self._sizes[path] = found.st_size

    def _remove_abandoned(self) -> None:
        """Downloads of processes that were killed: nobody has written to them for an hour."""
        for path in self._folder.glob("*.partial"):
            found = _stat(path)
            if found is not None and time.time() - found.st_mtime > _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)

    def _drop_oldest(self) -> None:
        excess = sum(self._sizes.values()) - self._max_bytes
        for path in [path for path in self._sizes if path not in self._holds]:
            if excess <= 0:
                return
            excess -= self._sizes.pop(path)
            path.unlink(missing_ok=True)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _touched(path: Path) -> os.stat_result | None:
    """Marks the file as used; None when it is not there."""
    try:
        os.utime(path)
        return path.stat()
    except FileNotFoundError:
        return None


def _brought(url: str, path: Path) -> os.stat_result:
    while (found := _touched(path)) is None:  # not here, or another process dropped it this moment
        _download(url, path)
    return found


def _download(url: str, path: Path) -> None:
    place = parse_location(url)
    partial = path.with_suffix(f".{uuid4().hex}.partial")
    try:
        client(attempts=2).download_file(place.bucket, place.key, str(partial))
        partial.replace(path)
    except storage_errors() as error:
        if names_no_object(error):
            raise VanishedFileError(url) from error
        raise StoreUnavailableError("The lake's object storage did not give a file; nothing was lost.") from error
    finally:
        partial.unlink(missing_ok=True)
