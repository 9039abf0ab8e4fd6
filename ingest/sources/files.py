"""Log files on this machine: one file, a folder with everything below it, or a glob."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from analytics_core.errors import SourceError
from ingest.sources.base import SourceConfig, SourceObject


class FileSource:
    def __init__(self, config: SourceConfig, place: str) -> None:
        self.config = config
        self._place = place

    def objects(self, known_keys: frozenset[str], *, full: bool) -> Iterator[SourceObject]:  # noqa: ARG002  (a listing is cheap here)
        for path in self._paths():
            stat = path.stat()
            yield SourceObject(str(path), f"{stat.st_size}-{stat.st_mtime_ns}", stat.st_size)

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
