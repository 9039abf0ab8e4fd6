"""Access to S3-compatible storage: credentials and endpoint as boto3 finds them, in the words of each library.

boto3 comes with the extra `s3`. It is imported where it is needed: a lake in a folder starts without it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from analytics_core.errors import SettingsError, StoreUnavailableError

if TYPE_CHECKING:
    from boto3 import Session
    from mypy_boto3_s3 import S3Client

_MISSING: Final = frozenset({"404", "NoSuchKey"})  # codes of a store's errors
_CONNECT_SECONDS: Final = 5
_SILENT_SECONDS: Final = 10  # between two bytes of an answer
_CONNECTIONS: Final = 32  # of one client at the same time: so many objects are fetched
_KEYS_SECONDS: Final = 60  # for so long Polars uses the keys that it was given, then asks again
# Of a request about a log, all of which are small: delta-rs' own limits let a store be silent for three minutes. Here
# its answer has 10 s, and a request that failed is sent again only in its first 15.
_TIME_LIMITS: Final = {"connect_timeout": f"{_CONNECT_SECONDS}s", "timeout": "10s", "retry_timeout": "15s"}

_one_at_a_time = threading.Lock()  # a session of boto3 is not safe to share between threads


class Location(NamedTuple):
    bucket: str
    key: str


def is_object_url(url: str) -> bool:
    return url.startswith("s3://")


def check_installed(url: str) -> None:
    """Raises SettingsError for an s3:// URL where boto3, which the extra `s3` brings, is not installed."""
    if is_object_url(url) and find_spec("boto3") is None:
        raise SettingsError(
            f"{url} is in object storage, for which boto3 must be installed; it is not. Install the extra s3: "
            "pip install 'clickledger[s3]'."
        )


def storage_errors() -> tuple[type[Exception], ...]:
    """What boto3 raises when a store refuses, or does not answer. Whoever was not given a client meets none of it."""
    if "botocore" not in sys.modules:
        return ()
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    return (BotoCoreError, ClientError)


def names_no_object(error: Exception) -> bool:
    """Whether a store's error says that there is no object of that key."""
    response = getattr(error, "response", None) or {}
    return response.get("Error", {}).get("Code") in _MISSING


def parse_location(url: str) -> Location:
    """`s3://bucket/some/prefix` as bucket and key; the key may be empty."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return Location(bucket, key)


@cache
def client(*, attempts: int = 5) -> S3Client:
    """One client of the process for each number of `attempts`, after which a store that fails has failed.

    It signs with the keys of the moment: botocore fetches temporary ones anew before they end.
    """
    from botocore.config import Config  # noqa: PLC0415

    # Checksums beyond the protocol's own are left out: S3-compatible servers reject them.
    config = Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "max_attempts": attempts},
        connect_timeout=_CONNECT_SECONDS,
        max_pool_connections=_CONNECTIONS,
        read_timeout=_SILENT_SECONDS,
    )
    with _one_at_a_time:
        return _session().client("s3", config=config)  # pyright: ignore[reportUnknownMemberType]


@cache
def _session() -> Session:
    """One for the process, so that whatever gives it temporary keys is asked once for each of them."""
    import boto3  # noqa: PLC0415  (a sixth of the start of every command, and an extra)

    return boto3.Session()


def forget_session() -> None:
    """Keys, endpoint and region are looked up anew: the environment has changed."""
    client.cache_clear()
    _session.cache_clear()


def log_options(url: str) -> dict[str, str]:
    """What delta-rs needs to read and write a table below `url` now; empty for a folder.

    A table keeps the keys that it is opened by. Temporary ones are good for ten minutes more: botocore fetches the next
    ones before. Raises StoreUnavailableError when whatever gives the keys does not answer.
    """
    return {**_options(), **_keys(), **_TIME_LIMITS} if is_object_url(url) else {}


def scan_options(url: str) -> ScanOptions:
    """What Polars needs to read files below `url`, for however long that takes; empty for a folder."""
    if not is_object_url(url):
        return {}
    return {"storage_options": _options(), "credential_provider": lambda: (_keys(), int(time.time()) + _KEYS_SECONDS)}


class ScanOptions(TypedDict, total=False):
    storage_options: dict[str, str]
    credential_provider: Callable[[], tuple[dict[str, str], int | None]]


def _options() -> dict[str, str]:
    options = {
        "aws_region": _session().region_name or "us-east-1",
        # Commits are put-if-absent, which needs no lock table.
        "aws_conditional_put": "etag",
    }
    with _keys_told():
        endpoint = client().meta.endpoint_url
    if "amazonaws.com" not in endpoint:
        options |= {"aws_endpoint_url": endpoint, "aws_virtual_hosted_style_request": "false"}
        if endpoint.startswith("http://"):
            options["aws_allow_http"] = "true"
    return options


def _keys() -> dict[str, str]:
    with _keys_told():
        with _one_at_a_time:
            credentials = _session().get_credentials()
        keys = None if credentials is None else credentials.get_frozen_credentials()
    if keys is None or not keys.access_key or not keys.secret_key:
        return {}
    token = {"aws_session_token": keys.token} if keys.token else {}
    return {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key} | token


@contextmanager
def _keys_told() -> Generator[None]:
    """A failure to get keys becomes ours."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    try:
        yield
    except BotoCoreError as error:
        raise StoreUnavailableError(
            f"The keys of the lake's object storage are not to be had ({type(error).__name__}); nothing was lost."
        ) from error


def holds_objects(prefix: str) -> bool:
    """Whether there is an object below `prefix` (s3://bucket/key), or a file in the folder. Raises OSError."""
    if not is_object_url(prefix):
        return Path(prefix).is_dir() and any(Path(prefix).iterdir())
    place = parse_location(f"{prefix}/")
    try:
        found = client(attempts=2).list_objects_v2(Bucket=place.bucket, Prefix=place.key, MaxKeys=1)
    except storage_errors() as error:
        raise OSError(f"{prefix} cannot be listed") from error
    return bool(found.get("Contents"))
