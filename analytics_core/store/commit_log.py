"""What each commit of a Delta table says, read from the commit's own file: the name of the file is its version.

`DeltaTable.history()` is never asked. It lists the commits up to the newest in storage, but numbers them down from the
version that the handle shows, so that a commit of another process shifts every label.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import unquote

import orjson

from analytics_core.errors import StoreUnavailableError, lake_unavailable
from analytics_core.store.object_storage import (
    client,
    is_object_url,
    names_no_object,
    parse_location,
    storage_errors,
)

REARRANGED: Final = "rearranged"  # in the metadata of a commit that says nothing new
_VERSION: Final = re.compile(r"\d{20}(?=\.json$)")
_READ_AT_ONCE: Final = 16  # commits of a table in a bucket


class ForgottenCommitError(StoreUnavailableError):
    """The file of a commit is gone: a clean-up of the table's log removed it, because a checkpoint replaces it."""

    def __init__(self, table_url: str, version: int) -> None:
        super().__init__(f"The log of {table_url} does not hold commit {version} any more.")
        self.version = version


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. `said`: its operation, its parameters, and the metadata that its writer gave. `added`: the files that
    it added, as paths below the table."""

    version: int
    said: Mapping[str, Any]
    added: tuple[str, ...]

    @property
    def brought(self) -> tuple[str, ...]:
        """The files with rows that the table did not hold before; commits that only rearrange files bring none."""
        return self.added if self.is_append else ()

    @property
    def is_append(self) -> bool:
        is_write = self.said.get("operation") == "WRITE"
        return is_write and self.said["operationParameters"].get("mode") == "Append" and REARRANGED not in self.said


def read_commit(table_url: str, version: int) -> Commit:
    """The commit `version` of the table at `table_url`, a folder or s3://bucket/prefix.

    Raises ForgottenCommitError when its file is gone, StoreUnavailableError when the storage does not answer.
    """
    text = _read(f"{table_url}/_delta_log/{_file_name(version)}", table_url, version)
    actions: list[dict[str, dict[str, Any]]] = [orjson.loads(line) for line in text.splitlines() if line.strip()]
    said = next((action["commitInfo"] for action in actions if "commitInfo" in action), cast(dict[str, Any], {}))
    added = tuple(unquote(action["add"]["path"]) for action in actions if "add" in action)
    return Commit(version, said, added)


def commits(table_url: str, versions: Sequence[int]) -> Generator[Commit]:
    """These commits, in this order. Raises like `read_commit`."""
    read = partial(read_commit, table_url)
    if not is_object_url(table_url):
        yield from map(read, versions)
        return
    with ThreadPoolExecutor(_READ_AT_ONCE, thread_name_prefix="commits") as pool:
        for start in range(0, len(versions), _READ_AT_ONCE):
            yield from pool.map(read, versions[start : start + _READ_AT_ONCE])


def logged_versions(table_url: str, first: int, last: int) -> list[int]:
    """The versions from `first` to `last`, both inclusive, whose commits the log holds, upwards.

    Raises StoreUnavailableError when the storage does not answer.
    """
    with _store_translated():
        names = _names_from(f"{table_url}/_delta_log", _file_name(first))
        found = (int(name[0]) for name in map(_VERSION.match, names) if name is not None)
        return sorted(version for version in found if first <= version <= last)


def _names_from(folder: str, name: str) -> Iterator[str]:
    """The names of the files in the folder, at least of those that do not stand before `name`."""
    if not is_object_url(folder):
        yield from (path.name for path in Path(folder).iterdir())
        return
    place = parse_location(f"{folder}/")
    before = f"{place.key}{name.removesuffix('.json')}"
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key, StartAfter=before)
    for page in pages:
        yield from (one.get("Key", "").removeprefix(place.key) for one in page.get("Contents", ()))


def _file_name(version: int) -> str:
    return f"{version:020d}.json"


def _read(url: str, table_url: str, version: int) -> bytes:
    with _store_translated():
        try:
            if not is_object_url(url):
                return Path(url).read_bytes()
            place = parse_location(url)
            return client().get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        except FileNotFoundError as error:
            raise ForgottenCommitError(table_url, version) from error
        except storage_errors() as error:
            if names_no_object(error):
                raise ForgottenCommitError(table_url, version) from error
            raise


@contextmanager
def _store_translated() -> Generator[None]:
    try:
        yield
    except (OSError, *storage_errors()) as error:
        raise lake_unavailable(error) from error
