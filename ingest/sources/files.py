"""Log files on this machine: one file, a folder with everything below it, or a glob. Links are followed.

Plain files may still be written to. Their version says how they end, so that a later sync can tell that one only grew,
and reads what was added.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

from analytics_core.errors import SourceError
from ingest.sources.log_source import SourceConfig, SourceHistory, SourceObject, UnlistedPlace
from ingest.sources.walk import Found, files_below, files_matching, literal_folder, why

_PACKED: Final = (".gz", ".parquet")
_PLACES: Final = "a file, a folder, a glob or s3://bucket/prefix"
_GROWING_SECONDS: Final = 60
_END_BYTES: Final = 4_096
_PLAIN_VERSION: Final = re.compile(r"(?P<size>\d+)-\d+-(?P<end>[0-9a-f]{32})")


class FileSource:
    is_remote = False

    def __init__(self, config: SourceConfig, place: str) -> None:
        self.config = config
        self._place = place

    def must_list_all(self, past: SourceHistory) -> bool:  # noqa: ARG002  (a listing is cheap here)
        return True

    def objects(self, past: SourceHistory, *, everything: bool) -> Iterator[SourceObject | UnlistedPlace]:  # noqa: ARG002
        for found in self._found():
            if isinstance(found, UnlistedPlace):
                yield found
            else:
                item = _listed(*found)
                # What nobody writes to any more is known by its size and its time: most files need not be opened.
                yield self.identified(item) if item.is_growing else item

    def as_listed(self, version: str) -> str:
        return version if version.count("-") < 2 else version.rpartition("-")[0]

    def identified(self, item: SourceObject) -> SourceObject:
        if item.key.endswith(_PACKED) or _PLAIN_VERSION.fullmatch(item.version):
            return item
        try:
            return replace(item, version=f"{item.version}-{_digest(_end(item.key, item.size))}")
        except OSError:  # told when it is read
            return item

    def continues(self, item: SourceObject, version: str, *, to_its_end: bool) -> bool:
        earlier = _PLAIN_VERSION.fullmatch(version)
        if earlier is None or int(earlier["size"]) > item.size:
            return False
        size = int(earlier["size"])
        try:
            if _digest(_end(item.key, size)) != earlier["end"]:
                return False
            return not to_its_end or b"\n" in _end(item.key, size + 1)[-2:]  # of the line, before or just after
        except OSError:  # told when it is read
            return False

    def open(self, item: SourceObject) -> IO[bytes]:
        return _open(item.key)

    def _found(self) -> Iterator[Found | UnlistedPlace]:
        try:
            status = os.stat(self._place)  # noqa: PTH116  (a string, as in the walk)
        except (FileNotFoundError, NotADirectoryError):
            yield from self._matching()
        except OSError as error:
            raise SourceError(f"{self._place} cannot be read: {why(error)}.") from error
        else:
            if stat.S_ISDIR(status.st_mode):
                yield from files_below(self._place)
            elif stat.S_ISREG(status.st_mode):
                yield self._place, status
            else:
                raise SourceError(f"{self._place} is not a regular file; a source is {_PLACES}.")

    def _matching(self) -> Iterator[Found | UnlistedPlace]:
        has_magic = glob.has_magic(self._place)
        place = literal_folder(self._place) if has_magic else self._place
        if not has_magic or not Path(place).is_dir():
            raise SourceError(f"{place} does not exist; a source is {_PLACES}.")
        yield from files_matching(self._place)


def _listed(path: str, status: os.stat_result) -> SourceObject:
    is_growing = not path.endswith(_PACKED) and abs(time.time() - status.st_mtime) < _GROWING_SECONDS
    return SourceObject(path, f"{status.st_size}-{status.st_mtime_ns}", status.st_size, is_growing)


def _end(path: str, size: int) -> bytes:
    """The last bytes of the first `size` bytes."""
    with _open(path) as file:
        file.seek(max(0, size - _END_BYTES))
        return file.read(min(size, _END_BYTES))


def _open(path: str) -> IO[bytes]:
    """Opens a regular file. Raises OSError for what has become a pipe, which would wait for somebody to write."""
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    return file


def _digest(end: bytes) -> str:
    return hashlib.blake2b(end, digest_size=16).hexdigest()
