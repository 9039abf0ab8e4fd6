"""Log objects under an s3:// prefix, listed so that nothing is lost although keys do not arrive in order.

Standard log names end in a random suffix, late files keep the old hour, Firehose names the arrival hour: there is no
"last key" after which everything is new. A sync lists the hours again that have passed since the last complete one,
and the look-back before it, in every layout of keys that was ever seen. Once a day it lists everything, which finds new
layouts and whatever came later than the look-back; always, when there are keys that show no hour.
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
from ingest.sources.base import Past, SourceConfig, SourceObject

_SPOOL_BYTES: Final = 8 * 2**20
_HOUR: Final = timedelta(hours=1)
_LIST_ALL_EVERY: Final = timedelta(hours=24)
_MOST_PREFIXES: Final = 2_000  # more listings of an hour than one of everything is worth

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

    def must_list_all(self, past: Past) -> bool:
        if past.read_at is None or past.listed_at is None or not past.layouts or "" in past.layouts:
            return True
        return (
            self._clock() - past.listed_at >= _LIST_ALL_EVERY
            or len(past.layouts) * len(self._hours(past.read_at)) > _MOST_PREFIXES
        )

    def objects(self, past: Past, *, everything: bool) -> Iterator[SourceObject]:
        if everything or past.read_at is None:
            prefixes = [self._location.key]
        else:
            hours = self._hours(past.read_at)
            prefixes = sorted(hour.strftime(layout) for layout in past.layouts for hour in hours)
        for prefix in prefixes:
            yield from self._list(prefix)

    def layout(self, key: str) -> str:
        """The hour that stands first below the source's own prefix: a file's name may repeat that of its folder."""
        below = len(self._location.key)
        found = [(match, form) for pattern, form in _HOUR_FORMS if (match := pattern.search(key, below))]
        if not found:
            return ""
        match, form = min(found, key=lambda one: one[0].start())
        return key[: match.start()].replace("%", "%%") + form

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

    def _hours(self, read_at: datetime) -> list[datetime]:
        """From the look-back before the last complete run to the next hour, for clocks that differ."""
        now = self._clock()
        first = min(read_at, now) - timedelta(hours=self.config.lookback_hours)
        return [now + timedelta(hours=1) - timedelta(hours=back) for back in range(int((now - first) / _HOUR) + 3)]

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
