"""A lake under s3:// read through local files, over the real S3 protocol."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from support import s3
from support.filled import NOW, Click, accounts_in, fill, open_analytics

from analytics_core import exports
from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.engines.duckdb import DuckDBEngine
from analytics_core.errors import StoreUnavailableError
from analytics_core.model import Period, Query
from analytics_core.settings import Settings, with_secrets
from analytics_core.store import object_storage
from analytics_core.store.database import Database
from analytics_core.store.file_cache import FileCache, VanishedFileError
from analytics_core.store.lake import Lake

pytestmark = pytest.mark.s3

BUCKET = "cached"
KIB = 1_024


@pytest.fixture(scope="module")
def endpoint(s3_endpoint: str) -> str:
    with suppress(ClientError):  # the module's tests may run in parts
        s3.connect(s3_endpoint).create_bucket(Bucket=BUCKET)
    return s3_endpoint


@pytest.fixture(autouse=True)
def storage(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {**s3.KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    object_storage.forget_session()
    yield
    object_storage.forget_session()


def put(endpoint: str, key: str, size: int = KIB) -> str:
    s3.connect(endpoint).put_object(Bucket=BUCKET, Key=key, Body=key[-1:].encode() * size)
    return f"s3://{BUCKET}/{key}"


def kept(folder: Path) -> int:
    return len(list(folder.iterdir()))


def test_a_file_is_downloaded_once_however_many_ask(endpoint: str, tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10 * KIB)
    url = put(endpoint, "once/a")

    def read(_: int) -> bytes:
        with cache.held([url, url]) as (path, again):
            assert path == again
            return Path(path).read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(16))) == {b"a" * KIB}
    s3.connect(endpoint).delete_object(Bucket=BUCKET, Key="once/a")
    assert read(0) == b"a" * KIB
    assert kept(tmp_path) == 1
    cache.close()


def test_the_least_recently_used_go_first_and_those_in_use_stay(endpoint: str, tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 2 * KIB)
    a, b, c, d = (put(endpoint, f"least/{name}") for name in "abcd")
    with cache.held([a, b, c, d]) as paths:
        assert all(Path(path).exists() for path in paths)  # more than may be kept, while they are needed
    assert kept(tmp_path) == 2
    with cache.held([a]) as (first,):
        for url in (b, c, d):
            with cache.held([url]):
                assert Path(first).exists()
    with cache.held([c]), cache.held([d]):
        pass
    assert not Path(first).exists()
    cache.close()


def test_files_of_an_earlier_process_are_used_again(endpoint: str, tmp_path: Path) -> None:
    url = put(endpoint, "earlier/a")
    earlier = FileCache(tmp_path, 10 * KIB)
    with earlier.held([url]):
        pass
    earlier.close()
    s3.connect(endpoint).delete_object(Bucket=BUCKET, Key="earlier/a")
    later = FileCache(tmp_path, 10 * KIB)
    with later.held([url]) as (path,):
        assert Path(path).read_bytes() == b"a" * KIB
    later.close()


def test_a_file_that_is_gone_is_told_apart_from_a_store_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = FileCache(tmp_path, 10 * KIB)
    with pytest.raises(VanishedFileError), cache.held([f"s3://{BUCKET}/never"]):
        pass
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    object_storage.forget_session()
    with pytest.raises(StoreUnavailableError), cache.held([f"s3://{BUCKET}/never"]):
        pass
    assert kept(tmp_path) == 0
    cache.close()


def test_a_lake_in_a_bucket_answers_and_exports(tmp_path: Path) -> None:
    lake = Lake(f"s3://{BUCKET}/lake")
    at = datetime(2026, 3, 10, 9, tzinfo=UTC)
    fill(lake, [[Click(at), Click(at, country="AT")], [Click(at, agent=3)]])
    database = Database(f"sqlite:///{tmp_path / 'clickledger.sqlite'}")
    accounts_in(database)
    cache = FileCache(tmp_path / "files", 1)  # nothing outlives its query
    analytics = open_analytics(lake, database, DuckDBEngine(memory_megabytes=256, seconds=30, file_cache=cache))
    query = Query("acme", "country", Period(date(2026, 3, 1), date(2026, 3, 31)))
    answer = analytics.run(query, Actor("ann"))
    assert [(row.key, row.metrics.clicks) for row in answer.rows] == [("DE", 2), ("AT", 1)]
    events = analytics.export_rows(Query("acme", "event", query.period), Actor("ann")).frames
    assert sum(frame.height for frame in events) == 3
    assert kept(tmp_path / "files") == 0
    analytics.close()


@pytest.mark.parametrize("pieces", [0, 2], ids=["nothing", "a piece"])
def test_a_download_of_which_a_client_read_no_more_gives_its_query_back(tmp_path: Path, pieces: int) -> None:
    """Though somebody still looks at how it ended, as the dashboard does."""
    settings = Settings(state=tmp_path / "state", lake=f"s3://{BUCKET}/left")
    application = build(with_secrets(settings), clock=lambda: NOW)
    fill(application.lake, [[Click(datetime(2026, 3, 10, 9, tzinfo=UTC))]])
    accounts_in(application.database)
    cache = FileCache(tmp_path / "files", 1)  # nothing outlives its query
    engine = DuckDBEngine(memory_megabytes=256, seconds=30, file_cache=cache)
    application = replace(application, analytics=open_analytics(application.lake, application.database, engine))
    query = Query("acme", "event", Period(date(2026, 3, 1), date(2026, 3, 31)))
    download = exports.begin(application, query, Actor("ann"), "csv")
    made = download.pieces()
    begun = [next(made) for _ in range(pieces)]
    assert kept(tmp_path / "files") > 0
    download.close()

    assert kept(tmp_path / "files") == 0
    assert (download.manifest.status, len(begun)) == ("failed", pieces)
    application.analytics.close()


def test_files_that_others_drop_at_any_moment_are_fetched_again(endpoint: str, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = FileCache(folder, 10**9)
    url = put(endpoint, "dropped")
    stopped = threading.Event()

    def drop() -> None:
        while not stopped.is_set():
            for path in folder.glob("*.parquet"):
                path.unlink(missing_ok=True)

    dropper = threading.Thread(target=drop)
    dropper.start()
    try:
        for _ in range(200):
            with cache.held([url]):
                pass
    finally:
        stopped.set()
        dropper.join()
        cache.close()


def test_a_new_cache_removes_what_killed_downloads_left(tmp_path: Path) -> None:
    old, fresh = tmp_path / "a.1.partial", tmp_path / "b.2.partial"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))

    FileCache(tmp_path, 10).close()

    assert [path.name for path in tmp_path.iterdir()] == [fresh.name]
