"""Where a lake may lie: in any folder and below any s3:// prefix but those whose name a library takes for another."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

from analytics_core.errors import SettingsError
from analytics_core.store.lake_tables import TABLES
from analytics_core.store.object_storage import check_installed, is_object_url, parse_location

_MISREAD: Final = (
    (re.compile(r"[\x00-\x1f\x7f]"), "its name has a control character"),
    (re.compile(r"[\ud800-\udfff]"), "its name is not UTF-8"),
    (re.compile(r"\\"), "its name has a backslash, which is taken for a slash"),
    (re.compile(r"%[0-9A-Fa-f]{2}"), "its name has {}, which is taken for another character"),
)
_COLUMNS: Final = frozenset(name for spec in TABLES for name in spec.columns)


def check_lake(url: str) -> None:
    """Raises SettingsError for a folder, or s3://bucket/prefix, in which a lake would not work."""
    if "://" in url and not is_object_url(url):
        raise SettingsError(f"The lake must be a folder or s3://bucket/prefix; got {url}.")
    reason = _reason(url, _key_segments(url) if is_object_url(url) else list(_absolute(url).parts))
    if reason is not None:
        raise SettingsError(f"The lake cannot lie in {url!r}: {reason}. Name another place with CLICKLEDGER_LAKE.")
    check_installed(url)


def partition_names(url: str) -> tuple[str, ...]:
    """What Polars takes for columns of a partition in the names of the folders that the lake lies in."""
    segments = url.split("/") if is_object_url(url) else _absolute(url).parts
    return tuple(segment.partition("=")[0] for segment in segments if "=" in segment)


def table_uri(url: str) -> str:
    """How delta-rs is told of the table at `url`: it reads a folder as it is, and s3://… as a URL."""
    return url.replace("#", "%23").replace("?", "%3F") if is_object_url(url) else url


def _absolute(folder: str) -> Path:
    return Path(folder).absolute()


def _key_segments(url: str) -> list[str]:
    bucket, key = parse_location(url.rstrip("/"))
    if not bucket:
        raise SettingsError(f"The lake must be a folder or s3://bucket/prefix; got {url}.")
    return key.split("/") if key else []


def _reason(url: str, segments: list[str]) -> str | None:
    """Why no lake would work there; None where one does."""
    place = "/".join(segments)
    for pattern, reason in _MISREAD:
        if found := pattern.search(place):
            return reason.format(found[0])
    if is_object_url(url) and not {"", ".", ".."}.isdisjoint(segments):
        return "its key has an empty part, or '.' or '..'"
    names = Counter(partition_names(url))
    for name, times in names.items():
        if name in _COLUMNS or times > 1:
            return f"a folder named {name}=… is taken for a column of its tables"
    return None
