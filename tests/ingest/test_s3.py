"""Logs and lake in object storage, over the real S3 protocol."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support import s3
from support.logs import realtime_text, requests, standard_text
from support.world import NOW, World

from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.model import Period, Query
from analytics_core.settings import Settings
from analytics_core.store import object_storage, tables
from analytics_core.store.commit_log import ForgottenCommitError
from analytics_core.store.lake_tables import CLICKS
from ingest.clicks.sync_ledger import Ledger
from ingest.reading.log_fields import read_field_list
from ingest.sources.log_source import SourceConfig
from ingest.sources.s3 import S3Source

pytestmark = pytest.mark.s3

CANONICAL = read_field_list(Settings.model_fields["realtime_fields"].default.split(","))


@pytest.fixture
def endpoint(s3_endpoint: str) -> str:
    return s3_endpoint


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {**s3.KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    object_storage.forget_session()
    yield s3.new_bucket(endpoint)
    object_storage.forget_session()


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


def later(world: World, **duration: float) -> World:
    return replace(world, now=world.now + timedelta(**duration))


def listed(world: World, source: str, at: datetime) -> list[str]:
    """The keys that a sync lists at that time when it does not list everything."""
    past = Ledger(world.database).past(source)
    return [item.key for item in S3Source(SourceConfig(source, CANONICAL), lambda: at).objects(past, everything=False)]


def test_an_object_older_than_the_look_back_is_found_within_a_day(world: World, endpoint: str, bucket: str) -> None:
    source = f"s3://{bucket}/logs/"
    put(endpoint, bucket, hour_key(NOW, "new"), standard_text(requests(5)))
    world.sync(source)
    put(endpoint, bucket, hour_key(NOW - timedelta(days=9), "old"), standard_text(requests(5, start=5)))

    assert later(world, hours=1).sync(source).objects == 0
    assert later(world, hours=25).sync(source).objects == 1
    assert world.clicks().height == 10


def test_what_begins_to_log_in_the_same_bucket_is_read_at_once(world: World, endpoint: str, bucket: str) -> None:
    source = f"s3://{bucket}/logs/"
    put(endpoint, bucket, hour_key(NOW, "a"), standard_text(requests(5)))
    put(endpoint, bucket, "logs/README", "whose logs these are")
    world.sync(source)
    begun = ["logs/E0.2026-03-12-12.a.gz", "logs/E3.2026-03-12-12.a.gz", "logs/firehose/2026/03/12/12/a", "logs/zone/a"]
    for number, key in enumerate(begun, 1):
        put(endpoint, bucket, key, standard_text(requests(5, start=10 * number)))

    assert later(world, minutes=1).sync(source).identity.clicks == 20


def test_old_keys_cost_a_request_of_each_distribution_and_folder_tree(world: World, endpoint: str, bucket: str) -> None:
    source = f"s3://{bucket}/logs/"
    hours = [NOW - timedelta(hours=6 * back) for back in range(40)]
    for number, hour in enumerate(hours):
        for distribution in ("E1", "E2"):
            put(endpoint, bucket, f"logs/{distribution}.{hour:%Y-%m-%d-%H}.a.gz", "")
        put(endpoint, bucket, f"logs/tree/{hour:%Y/%m/%d/%H}/name-1-{hour:%Y-%m-%d-%H}-01-02-{number}", "")
    world.sync(source)
    asked: list[int] = []

    def note(**_: object) -> None:
        asked.append(1)

    object_storage.client().meta.events.register("before-call.s3.ListObjectsV2", note)

    found = listed(world, source, NOW + timedelta(minutes=5))

    assert len(asked) == 4  # the beginning, and a leap in each
    assert len(found) == 3 * 9  # of 48 hours


def test_an_object_older_than_the_look_back_is_found_at_once_by_a_full_listing(
    world: World, endpoint: str, bucket: str
) -> None:
    source = f"s3://{bucket}/logs/"
    put(endpoint, bucket, hour_key(NOW, "new"), standard_text(requests(5)))
    world.sync(source)
    put(endpoint, bucket, hour_key(NOW - timedelta(days=9), "old"), standard_text(requests(5, start=5)))

    assert world.sync(source, full=True).identity.clicks == 5


def test_a_quiet_distribution_beside_a_busy_one_is_not_forgotten(world: World, endpoint: str, bucket: str) -> None:
    source = f"s3://{bucket}/logs/"
    put(endpoint, bucket, "logs/E3QUIET.2026-03-12-08.a.gz", standard_text(requests(5)))
    for part in range(12):
        put(endpoint, bucket, hour_key(NOW, f"busy{part}"), standard_text(requests(1, start=100 + part)))
    world.sync(source)
    put(endpoint, bucket, hour_key(NOW, "more"), standard_text(requests(5, start=10)))
    later(world, hours=2).sync(source)
    put(endpoint, bucket, "logs/E3QUIET.2026-03-12-11.b.gz", standard_text(requests(5, start=20)))

    assert later(world, hours=3).sync(source).identity.clicks == 5


def test_nothing_is_missed_after_a_pause_longer_than_the_look_back(world: World, endpoint: str, bucket: str) -> None:
    source = f"s3://{bucket}/logs/"
    put(endpoint, bucket, hour_key(NOW, "new"), standard_text(requests(5)))
    world.sync(source)
    for hours in (1, 30, 80):
        key = hour_key(NOW + timedelta(hours=hours), "later")
        put(endpoint, bucket, key, standard_text(requests(5, start=10 * hours)))

    assert len(listed(world, source, NOW + timedelta(hours=81))) == 4
    assert later(world, hours=81).sync(source).objects == 3


def test_a_source_may_be_one_distribution_of_a_bucket(world: World, endpoint: str, bucket: str, tmp_path: Path) -> None:
    put(endpoint, bucket, hour_key(NOW, "mine"), standard_text(requests(5)))
    put(endpoint, bucket, "logs/E2EXAMPLES.2026-03-12-09.other.gz", standard_text(requests(5, start=10)))
    (tmp_path / "sources.toml").write_text(f'[[source]]\nurl = "s3://{bucket}/logs/"\ndistribution = "E2EXAMPLE"\n')
    there = replace(world, environment={"CLICKLEDGER_SOURCES": str(tmp_path / "sources.toml")})

    assert there.sync().identity.clicks == 5


def test_a_distribution_that_no_key_names_is_told(world: World, endpoint: str, bucket: str, tmp_path: Path) -> None:
    put(endpoint, bucket, "logs/2026/03/12/09/stream-1", realtime_text(requests(5)))
    (tmp_path / "sources.toml").write_text(f'[[source]]\nurl = "s3://{bucket}/logs/"\ndistribution = "E2EXAMPLE"\n')
    there = replace(world, environment={"CLICKLEDGER_SOURCES": str(tmp_path / "sources.toml")})

    assert f"s3://{bucket}/logs/: none of its 1 object names the distribution" in there.run("sync").stderr


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
    both = [there.start("sync", "--source", f"s3://{bucket}/logs/") for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors

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


def test_a_lost_database_is_filled_from_a_bucket_though_the_log_was_cleaned(
    world: World, endpoint: str, bucket: str, tmp_path: Path
) -> None:
    """The table keeps its log for no time at all, so that every compaction cleans it."""
    lake = {"CLICKLEDGER_LAKE": f"s3://{bucket}/lake"}
    in_bucket = replace(world, environment=lake)
    log = tmp_path / "live.log"
    for part in range(4):
        with log.open("a") as file:
            file.write(realtime_text(requests(5, start=5 * part)))
        in_bucket.sync(log)
        if part == 0:
            clicks = in_bucket.lake.open(CLICKS)
            clicks.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 seconds"})
        if part != 1:
            in_bucket.run("compact")
    batches = recorded(in_bucket)
    with pytest.raises(ForgottenCommitError):
        in_bucket.lake.commit(CLICKS, 1)
    for file in (in_bucket.folder / "var").glob("clickledger.sqlite*"):
        file.unlink()
    in_bucket.load()

    assert in_bucket.sync(log).identity.lines == 0
    assert [batch[1] for batch in batches] == [1, 2, 3, 4]
    assert recorded(in_bucket) == batches


def recorded(world: World) -> list[tuple[object, ...]]:
    batch = tables.batches
    with world.database.connect() as connection:
        return [tuple(row) for row in connection.execute(select(batch).order_by(batch.c.number))]
