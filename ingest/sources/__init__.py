"""Where logs come from: the sources named on the command line, or those of sources.toml."""

from __future__ import annotations

import os.path
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from analytics_core.errors import SourceError
from analytics_core.settings import Settings
from analytics_core.store.object_storage import check_installed
from ingest.reading.field_lists import parse_field_list
from ingest.reading.log_fields import Fields, UnknownFormatError
from ingest.sources.files import FileSource
from ingest.sources.log_source import (
    Source,
    SourceConfig,
    SourceHistory,
    SourceObject,
    UnlistedPlace,
    shown,
    why_unstorable,
)

__all__ = [
    "Source",
    "SourceConfig",
    "SourceHistory",
    "SourceObject",
    "UnlistedPlace",
    "configured_sources",
    "open_sources",
    "shown",
    "why_unstorable",
]

_KEYS: Final = {
    "url": (str,),
    "fields": (str, list),
    "sampling": (int,),
    "lookback_hours": (int,),
    "distribution": (str,),
}
_KINDS: Final = {str: "a text", list: "a list of texts", int: "a whole number"}


def open_sources(
    named: Sequence[str], fields: str | None, settings: Settings, clock: Callable[[], datetime]
) -> tuple[Source, ...]:
    """The sources of one call. `named` wins over sources.toml; `fields` over the configured real-time field list.

    Raises SourceError for an unknown kind, a wrong key, or when there is no source at all.
    """
    configs = configured_sources(settings) or []
    if named:
        known = {config.url: config for config in configs}
        fallback = _default_fields(settings)
        configs = [
            known.get(_name(url), SourceConfig(_name(url), fallback, 100, settings.lookback_hours)) for url in named
        ]
    if fields is not None:
        said = _fields(fields, "--fields")
        configs = [replace(config, fields=said) for config in configs]
    if not configs:
        raise SourceError(
            "A source must be named with --source, or in the file that CLICKLEDGER_SOURCES names; got none."
        )
    return tuple(_open(config, clock) for config in configs)


def _open(config: SourceConfig, clock: Callable[[], datetime]) -> Source:
    scheme, separator, _ = config.url.partition("://")
    if not separator:
        return FileSource(config, config.url)
    if scheme == "s3":
        check_installed(config.url)
        from ingest.sources.s3 import S3Source  # noqa: PLC0415  (imports boto3's parts)

        return S3Source(config, clock)
    raise SourceError(f"A source must be a file, a folder, a glob or s3://bucket/prefix; got {config.url}.")


def _name(url: str, base: Path | None = None) -> str:
    """How the ledger calls a source: local places by their absolute path. Raises SourceError for what is no name."""
    if not url.strip():
        raise SourceError("A source needs a name: a file, a folder, a glob or s3://bucket/prefix; got an empty one.")
    try:
        name = url if "://" in url else os.path.normpath((base or Path.cwd()) / Path(url).expanduser())
    except (OSError, RuntimeError) as error:  # no working folder, or `~` of nobody
        raise SourceError(f"{url} cannot be a source: {error}.") from error
    reason = why_unstorable(name)
    if reason is not None:
        raise SourceError(f"{shown(name)} cannot be a source: {reason}.")
    return name


def _fields(names: str | Sequence[str], place: str) -> Fields:
    try:
        return parse_field_list(names)
    except UnknownFormatError as error:
        raise SourceError(f"The field list of {place} cannot be used: {error}.") from None


def _default_fields(settings: Settings) -> Fields:
    return _fields(settings.realtime_fields, "CLICKLEDGER_REALTIME_FIELDS")


def configured_sources(settings: Settings) -> list[SourceConfig] | None:
    """The sources of the file that CLICKLEDGER_SOURCES names; None without such a file. Raises SourceError."""
    path = settings.sources
    if path is None:
        return None
    try:
        written: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise SourceError(f"CLICKLEDGER_SOURCES names {path}, which does not exist.") from None
    except OSError as error:
        raise SourceError(f"CLICKLEDGER_SOURCES names {path}, which cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} is not valid TOML: {error}.") from None
    tables: Any = written.pop("source", [])
    if (
        written
        or not isinstance(tables, list)
        or not all(isinstance(table, dict) for table in cast("list[Any]", tables))
    ):
        got = ", ".join(written) or "source"
        raise SourceError(f"{path}: each source must be a table of its own, headed [[source]]; got {got}.")
    configs = [
        _configured_source(table, place, path, settings) for place, table in enumerate(cast("list[Any]", tables), 1)
    ]
    for place, config in enumerate(configs, 1):
        if config.url in [other.url for other in configs[: place - 1]]:
            raise SourceError(
                f"{path}, source {place}: {config.url} is given twice; each source must have a prefix of its own."
            )
    return configs


def _configured_source(table: dict[str, Any], place: int, path: Path, settings: Settings) -> SourceConfig:
    for key, value in table.items():
        if key not in _KEYS:
            raise SourceError(f"{path}, source {place}: a key must be one of {', '.join(_KEYS)}; got {key}.")
        if isinstance(value, bool) or not isinstance(value, _KEYS[key]):
            kinds = " or ".join(_KINDS[kind] for kind in _KEYS[key])
            raise SourceError(f"{path}, source {place}: {key} must be {kinds}; got {value!r}.")
    if "url" not in table:
        raise SourceError(f"{path}, source {place}: url is required.")
    sampling = table.get("sampling", 100)
    if not 1 <= sampling <= 100:
        raise SourceError(f"{path}, source {place}: sampling must be a percentage from 1 to 100; got {sampling}.")
    lookback_hours = table.get("lookback_hours", settings.lookback_hours)
    if lookback_hours < 1:
        raise SourceError(f"{path}, source {place}: lookback_hours must be 1 or more; got {lookback_hours}.")
    fields = table.get("fields")
    if isinstance(fields, list) and not all(isinstance(name, str) for name in cast("list[Any]", fields)):
        raise SourceError(f"{path}, source {place}: fields must be a text or a list of texts; got {fields!r}.")
    distribution = table.get("distribution")
    if distribution is not None and not re.fullmatch(r"[A-Z0-9]+", distribution):
        raise SourceError(
            f"{path}, source {place}: distribution must be an id such as E2EXAMPLE; got {distribution!r}."
        )
    return SourceConfig(
        url=_name(table["url"], path.parent.absolute()),
        fields=_default_fields(settings) if fields is None else _fields(fields, f"{path}, source {place},"),
        sampling=sampling,
        lookback_hours=lookback_hours,
        distribution=distribution,
    )
