"""Log objects under an s3:// prefix, listed so that nothing is lost although keys do not arrive in order.

Standard log names end in a random suffix, late files keep the old hour, Firehose names the arrival hour: there is no
"last key" after which everything is new. A sync therefore lists the prefixes of the last hours again, and everything
when it cannot tell hours from the keys, has never listed the source, or is asked to.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import IO, Final

from botocore.exceptions import BotoCoreError, ClientError

from analytics_core.errors import SourceError
from analytics_core.store.object_storage import client, parse_location
from ingest.sources.base import SourceConfig, SourceObject

_SPOOL_BYTES: Final = 8 * 2**20

# Ways in which a key can hold an hour: a pattern to find it, and how to write another hour in its place.
_HOUR_FORMS: Final = (
    (re.compile(r"\d{4}-\d{2}-\d{2}-\d{2}(?=[.\-_/])"), "%Y-%m-%d-%H"),
    (re.compile(r"\d{4}/\d{2}/\d{2}/\d{2}(?=/)"), "%Y/%m/%d/%H"),
    (re.compile(r"year=\d{4}/month=\d{2}/day=\d{2}/hour=\d{2}(?=/)"), "year=%Y/month=%m/day=%d/hour=%H"),
)


class S3Source:
    def __init__(self, config: SourceConfig, clock: Callable[[], datetime]) -> None:
        self.config = config
        self._location = parse_location(config.url)
        self._clock = clock

    def objects(self, known_keys: frozenset[str], *, full: bool) -> Iterator[SourceObject]:
        prefixes = None if full else self._recent_prefixes(known_keys)
        for prefix in [self._location.key] if prefixes is None else prefixes:
            yield from self._list(prefix)

    def continues(self, item: SourceObject, version: str, *, to_its_end: bool) -> bool:  # noqa: ARG002  (objects are replaced, never appended to)
        return False

    def open(self, item: SourceObject) -> IO[bytes]:
        """The object's bytes in a temporary file (in memory when small): Parquet needs to seek."""
        spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115  (the reader closes it)
        try:
            client().download_fileobj(self._location.bucket, item.key, spool)
        except ClientError as error:
            spool.close()
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey"):
                raise FileNotFoundError(item.key) from error
            raise OSError(f"{item.key}: {error}") from error
        except BotoCoreError as error:
            spool.close()
            raise OSError(f"{item.key}: {error}") from error
        spool.seek(0)
        return spool

    def _recent_prefixes(self, known_keys: frozenset[str]) -> list[str] | None:
        """One prefix an hour and layout; None when a known key shows no hour, so that hours would miss its like."""
        if not known_keys:
            return None
        layouts: set[tuple[str, str]] = set()
        for key in known_keys:
            layout = _layout(key)
            if layout is None:
                return None
            layouts.add(layout)
        now = self._clock()
        hours = [now - timedelta(hours=back) for back in range(-1, self.config.lookback_hours + 1)]
        return sorted(f"{start}{hour.strftime(form)}" for start, form in layouts for hour in hours)

    def _list(self, prefix: str) -> Iterator[SourceObject]:
        pages = client().get_paginator("list_objects_v2").paginate(Bucket=self._location.bucket, Prefix=prefix)
        try:
            for page in pages:
                for found in page.get("Contents", []):
                    key, size = found.get("Key", ""), found.get("Size", 0)
                    if not key.endswith("/"):
                        yield SourceObject(key, found.get("ETag", "").strip('"'), size)
        except (ClientError, BotoCoreError) as error:
            raise SourceError(f"{self.config.url} cannot be listed: {error}") from error


def _layout(key: str) -> tuple[str, str] | None:
    for pattern, form in _HOUR_FORMS:
        found = pattern.search(key)
        if found:
            return key[: found.start()], form
    return None
