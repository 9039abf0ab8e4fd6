"""Log objects under an s3:// prefix, listed so that nothing is lost although keys do not arrive in order.

Standard log names end in a random suffix, late files keep the old hour, Firehose names the arrival hour: there is no
"last key" after which everything is new. A sync walks through all keys in their order, but leaps over those whose hour
lies before the last complete sync by more than the look-back: of each distribution or folder tree that costs a request,
whether it was ever seen before or not. Once a day it lists everything, which finds what came later than the look-back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError, S3ValidationError
from urllib3.exceptions import HTTPError

from analytics_core.errors import SourceError
from analytics_core.store.object_storage import client, parse_location
from ingest.sources.hours import recent_from
from ingest.sources.log_source import SourceConfig, SourceHistory, SourceObject

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

_SPOOL_BYTES: Final = 8 * 2**20
_SMALL_BYTES: Final = 2**20
_TRIES: Final = 5  # to read an answer to its end
_LIST_ALL_EVERY: Final = timedelta(hours=24)
# What boto3 raises when there is no answer: of broken connections, and of endpoints that are none, not its own errors.
_TRANSFER: Final = (RetriesExceededError, S3DownloadFailedError, S3ValidationError)
_NO_ANSWER: Final = (BotoCoreError, HTTPError, OSError, ValueError, *_TRANSFER)


class S3Source:
    is_remote = True

    def __init__(self, config: SourceConfig, clock: Callable[[], datetime]) -> None:
        self.config = config
        self._location = parse_location(config.url)
        self._clock = clock

    def must_list_all(self, past: SourceHistory) -> bool:
        if past.read_at is None or past.listed_at is None:
            return True
        now = self._clock()  # a listing of later was one by a clock that was ahead
        return not timedelta() <= now - past.listed_at < _LIST_ALL_EVERY

    def objects(self, past: SourceHistory, *, everything: bool) -> Iterator[SourceObject]:
        if everything or past.read_at is None:
            found = self._all()
        else:
            found = self._since(min(past.read_at, self._clock()) - timedelta(hours=self.config.lookback_hours))
        for one in found:
            key, size = one.get("Key", ""), one.get("Size", 0)
            if not key.endswith("/"):
                yield SourceObject(key, one.get("ETag", "").strip('"'), size)

    def as_listed(self, version: str) -> str:
        return version

    def identified(self, item: SourceObject) -> SourceObject:
        return item

    def continues(self, item: SourceObject, version: str, *, to_its_end: bool) -> bool:  # noqa: ARG002  (objects are replaced, never appended to)
        return False

    def open(self, item: SourceObject) -> IO[bytes]:
        """The object's bytes, in memory when it is small, else in a temporary file: Parquet needs to seek."""
        try:
            return self._in_memory(item) if item.size <= _SMALL_BYTES else self._in_file(item)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey"):
                raise FileNotFoundError(item.key) from error
            raise OSError(f"{item.key}: {error}") from error
        except _NO_ANSWER as error:
            raise OSError(f"{item.key}: {error}") from error

    def _in_memory(self, item: SourceObject) -> IO[bytes]:
        """One request, where a transfer of any size takes two and threads of its own."""
        for _ in range(_TRIES - 1):
            with suppress(ReadTimeoutError, ResponseStreamingError, IncompleteReadError):  # in the middle of the answer
                return BytesIO(self._body(item))
        return BytesIO(self._body(item))

    def _body(self, item: SourceObject) -> bytes:
        return client().get_object(Bucket=self._location.bucket, Key=item.key)["Body"].read()

    def _in_file(self, item: SourceObject) -> IO[bytes]:
        spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115  (the reader closes it)
        try:
            client().download_fileobj(self._location.bucket, item.key, spool)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return spool

    def _all(self) -> Iterator[ObjectTypeDef]:
        position: dict[str, str] = {}
        while True:
            page = self._page(**position)
            yield from page.get("Contents", [])
            if not page.get("IsTruncated"):
                return
            position = {"ContinuationToken": page.get("NextContinuationToken", "")}

    def _since(self, since: datetime) -> Iterator[ObjectTypeDef]:
        """Every object but those whose keys say that they are older."""
        after: str | None = None
        while True:
            page = self._page() if after is None else self._page(StartAfter=after)
            leap: str | None = None
            for one in page.get("Contents", []):
                key = one.get("Key", "")
                leap = recent_from(key, since, len(self._location.key))
                if leap is not None:
                    after = leap
                    break
                after = key
                yield one
            else:
                if not page.get("IsTruncated"):
                    return

    def _page(self, **position: Any) -> ListObjectsV2OutputTypeDef:
        try:
            return client().list_objects_v2(Bucket=self._location.bucket, Prefix=self._location.key, **position)
        except (ClientError, *_NO_ANSWER) as error:
            raise SourceError(f"{self.config.url} cannot be listed: {error}") from error
