"""Log files on this machine: one file, a folder with everything below it, or a glob.

Plain files may still be written to. Their version says how they end, so that a later sync can tell that one only grew,
and reads what was added.
"""

from __future__ import annotations

import glob
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from analytics_core.errors import SourceError
from ingest.sources.base import Past, SourceConfig, SourceObject

_PACKED: Final = (".gz", ".parquet")
_GROWING_SECONDS: Final = 60
_END_BYTES: Final = 4_096
_PLAIN_VERSION: Final = re.compile(r"(?P<size>\d+)-\d+-(?P<end>[0-9a-f]{32})")


class FileSource:
    def __init__(self, config: SourceConfig, place: str) -> None:
        self.config = config
        self._place = place

    def must_list_all(self, past: Past) -> bool:  # noqa: ARG002  (a listing is cheap here)
        return True

    def objects(self, past: Past, *, everything: bool) -> Iterator[SourceObject]:  # noqa: ARG002
        for path in self._paths():
            try:
                yield _listed(path)
            except FileNotFoundError:  # rotated since the folder was read: its lines are in another file now
                continue

    def continues(self, item: SourceObject, version: str, *, to_its_end: bool) -> bool:
        earlier = _PLAIN_VERSION.fullmatch(version)
        if earlier is None or int(earlier["size"]) > item.size:
            return False
        path, size = Path(item.key), int(earlier["size"])
        if _digest(_end(path, size)) != earlier["end"]:
            return False
        return not to_its_end or b"\n" in _end(path, size + 1)[-2:]  # of the line, before or just after

    def open(self, item: SourceObject) -> IO[bytes]:
        return Path(item.key).open("rb")

    def _paths(self) -> list[Path]:
        place = Path(self._place)
        if place.is_file():
            return [place]
        if place.is_dir():
            found = (path for path in place.rglob("*") if not any(part.startswith(".") for part in path.parts[-1:]))
        elif glob.has_magic(self._place):
            found = (Path(name) for name in glob.iglob(self._place, recursive=True))  # noqa: PTH207  (Path.glob takes no absolute pattern)
        else:
            raise SourceError(
                f"{self._place} does not exist; a source is a file, a folder, a glob or s3://bucket/prefix."
            )
        return sorted(path for path in found if path.is_file())


def _listed(path: Path) -> SourceObject:
    stat = path.stat()
    version = f"{stat.st_size}-{stat.st_mtime_ns}"
    if path.suffix in _PACKED:
        return SourceObject(str(path), version, stat.st_size)
    is_growing = abs(time.time() - stat.st_mtime) < _GROWING_SECONDS
    with suppress(PermissionError):  # told when it is read
        version = f"{version}-{_digest(_end(path, stat.st_size))}"
    return SourceObject(str(path), version, stat.st_size, is_growing)


def _end(path: Path, size: int) -> bytes:
    """The last bytes of the first `size` bytes."""
    with path.open("rb") as file:
        file.seek(max(0, size - _END_BYTES))
        return file.read(min(size, _END_BYTES))


def _digest(end: bytes) -> str:
    return hashlib.blake2b(end, digest_size=16).hexdigest()
