"""Logs and lake in object storage, over the real S3 protocol."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from support import s3
from support.logs import realtime_text, requests, standard_text
from support.world import NOW, World

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.model import Period, Query
from analytics_core.store import object_storage

pytestmark = pytest.mark.s3


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.running(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {**s3.KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    object_storage.client.cache_clear()
    name = "b" + str(abs(hash(request.node.name)) % 10**9)
    s3.connect(endpoint).create_bucket(Bucket=name)
    yield name
    object_storage.client.cache_clear()


def put(endpoint: str, bucket: str, key: str, text: str) -> None:
    s3.connect(endpoint).put_object(Bucket=bucket, Key=key, Body=gzip.compress(text.encode(), mtime=0))


def hour_key(hour: datetime, suffix: str) -> str:
    return f"logs/E2EXAMPLE.{hour:%Y-%m-%d-%H}.{suffix}.gz"


def test_keys_that_arrive_out_of_order_are_all_read_once(world: World, endpoint: str, bucket: str) -> None:
    source = f"s3://{bucket}/logs/"
    put(endpoint, bucket, hour_key(NOW, "zzz"), standard_text(requests(10)))
    first = world.sync(source)
    put(endpoint, bucket, hour_key(NOW, "aaa"), standard_text(requests(10, start=10)))
    put(endpoint, bucket, hour_key(NOW - timedelta(hours=20), "late"), standard_text(requests(10, start=20)))
    second = world.sync(source)
    third = world.sync(source)

    assert [run.identity.clicks for run in (first, second, third)] == [10, 20, 0]
    assert [run.objects for run in (first, second, third)] == [1, 2, 0]


def test_an_object_older_than_the_look_back_is_found_by_a_full_listing(
    world: World, endpoint: str, bucket: str
) -> None:
    source = f"s3://{bucket}/logs/"
    put(endpoint, bucket, hour_key(NOW, "new"), standard_text(requests(5)))
    world.sync(source)
    put(endpoint, bucket, hour_key(NOW - timedelta(days=9), "old"), standard_text(requests(5, start=5)))

    assert world.sync(source).objects == 0
    assert world.sync(source, full=True).identity.clicks == 5


def test_a_replaced_object_adds_what_was_missing(world: World, endpoint: str, bucket: str) -> None:
    source = f"s3://{bucket}/logs/"
    put(endpoint, bucket, "logs/part", realtime_text(requests(5)))
    world.sync(source)
    put(endpoint, bucket, "logs/part", realtime_text(requests(8)))

    again = world.sync(source)

    assert (again.identity.clicks, again.identity.duplicates) == (3, 5)


def test_a_lake_in_a_bucket_takes_two_writers_and_answers_queries(world: World, endpoint: str, bucket: str) -> None:
    there = replace(
        world,
        environment={"CLICKLEDGER_LAKE": f"s3://{bucket}/lake", "CLICKLEDGER_BATCH_MEGABYTES": "1"},
    )
    for part in range(8):
        put(endpoint, bucket, f"logs/{part}", realtime_text(requests(1_500, start=1_500 * part)))
    words = there.command("sync", "--source", f"s3://{bucket}/logs/")
    both = [
        subprocess.Popen(words, env=there.process_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors.decode()

    application = build(there.settings, clock=lambda: datetime.now(UTC))
    query = Query("acme", "slug", Period(date(2026, 3, 1), date(2026, 3, 31)))
    answer = application.analytics.run(query, Actor("user_ann"))
    application.analytics.close()
    assert answer.totals.clicks == 12_000
    assert all(check["holds"] for check in there.run_json("verify", "--json"))


def test_a_bucket_that_is_not_there_fails_the_run_with_a_sentence(world: World, endpoint: str, bucket: str) -> None:
    ran: Any = world.run("sync", "--source", "s3://no-such-bucket-here/logs", check=False)

    assert ran.returncode == 1
    assert "s3://no-such-bucket-here/logs cannot be listed" in ran.stderr
