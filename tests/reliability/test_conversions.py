"""A conversion counts once, whatever happens to the process, the connection or the client in between."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient
from support.dying import STEPS
from support.logs import realtime_text, requests, write
from support.posts import conversion, ctx, kept, outcomes
from support.servers import SERVER, running
from support.world import World

from analytics_core.api import create_app
from analytics_core.bootstrap import build
from analytics_core.store.lake_tables import CONVERSIONS

CLIENT = httpx.Client(timeout=30)
DOOR = "/v2/public/conversions"
POSTS, KEYS = 1_000, 100


@pytest.fixture(params=["sqlite", "postgresql"])
def there(request: pytest.FixtureRequest, world: World) -> World:
    """A world on each database; a test chooses the address that it posts from."""
    world.environment = {"CLICKLEDGER_TRUSTED_PROXIES": "1"}
    if request.param == "postgresql":
        world.environment |= {"CLICKLEDGER_DATABASE_URL": request.getfixturevalue("postgresql")}
        world.load()
    return world


def post(base: str, token: str, key: str, address: str = "203.0.113.1") -> httpx.Response:
    headers = {"X-Forwarded-For": address}
    return CLIENT.post(f"{base}{DOOR}", json=conversion(token, key), headers=headers)


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_between_any_steps_of_a_post_and_the_retry_count_once(there: World, step: str) -> None:
    token = ctx(there.settings, datetime.now(UTC))
    with running(there, "support.dying", step, "PORT") as (base, process):
        with pytest.raises(httpx.TransportError):
            post(base, token, "order-1")
        assert process.wait(timeout=10) == -9

    application = build(there.settings)
    with TestClient(create_app(lambda: application)) as client:
        retried, again = (client.post(DOOR, json=conversion(token)) for _ in range(2))
    application.analytics.close()

    (row,) = kept(there.database)
    was_durable = step in STEPS[4:]
    assert (retried.status_code, again.status_code) == (200 if was_durable else 201, 200)
    assert retried.json()["conversionId"] == again.json()["conversionId"] == row.conversion_id
    assert outcomes(there.database) == {("acme", "accepted"): 1, ("acme", "duplicate"): 2 if was_durable else 1}


def test_a_thousand_posts_of_a_hundred_keys_at_once_through_two_processes_are_a_hundred(there: World) -> None:
    token = ctx(there.settings, datetime.now(UTC))
    chance = random.Random(7)
    keys = [f"order-{number % KEYS}" for number in range(POSTS)]
    chance.shuffle(keys)
    with (
        running(there, *SERVER) as (one, _),
        running(there, *SERVER) as (two, _),
        ThreadPoolExecutor(32) as threads,
    ):
        answers = list(
            threads.map(
                lambda place: post((one, two)[place % 2], token, keys[place], f"10.0.{place // 100}.{place % 100}"),
                range(POSTS),
            )
        )

    rows = {row.idempotency_key: row.conversion_id for row in kept(there.database)}
    assert len(rows) == KEYS
    assert {answer.status_code for answer in answers} == {200, 201}
    assert sum(answer.status_code == 201 for answer in answers) == KEYS
    assert [answer.json()["conversionId"] for answer in answers] == [rows[key] for key in keys]
    assert outcomes(there.database) == {("acme", "accepted"): KEYS, ("acme", "duplicate"): POSTS - KEYS}


def test_kills_in_the_middle_of_many_posts_lose_no_answer_and_count_nothing_twice(there: World) -> None:
    """Clients retry until they are answered, through kills at any moment."""
    token = ctx(there.settings, datetime.now(UTC))
    chance = random.Random(50)
    told: dict[str, set[str]] = {}
    missing = [f"order-{number}" for number in range(300)]

    def attempt(base: str) -> Callable[[str], None]:
        def once(key: str) -> None:
            with suppress(httpx.TransportError):
                response = post(base, token, key, f"10.1.{hash(key) % 200}.{chance.randrange(250)}")
                assert response.status_code in (200, 201), response.text
                told.setdefault(key, set()).add(response.json()["conversionId"])

        return once

    kills = 0
    while missing:
        with running(there, *SERVER) as (base, process), ThreadPoolExecutor(16) as threads:
            posts = [threads.submit(attempt(base), key) for key in missing]
            if kills < 4:
                time.sleep(chance.uniform(0.05, 0.4))
                process.kill()
                kills += 1
            for one in posts:
                one.result()
        missing = [key for key in missing if key not in told]

    rows = {row.idempotency_key: {row.conversion_id} for row in kept(there.database)}
    assert rows == told
    assert len(rows) == 300
    assert outcomes(there.database)["acme", "accepted"] == 300


def test_a_sync_carries_what_waited_when_it_began_and_ends_though_posts_go_on(there: World, tmp_path: Path) -> None:
    log = write(tmp_path / "a.gz", realtime_text(requests(5)))
    token = ctx(there.settings, datetime.now(UTC))
    has_ended = threading.Event()

    def post_on(base: str, client: int) -> None:
        for number in itertools.takewhile(lambda _: not has_ended.is_set(), itertools.count()):
            post(base, token, f"during-{client}-{number}", f"10.{client}.0.{number // 100}").raise_for_status()

    with running(there, *SERVER) as (base, _), ThreadPoolExecutor(4) as threads:
        waited = {post(base, token, f"before-{number}", "10.9.9.9").json()["conversionId"] for number in range(50)}
        posting = [threads.submit(post_on, base, client) for client in range(4)]
        try:
            there.run("sync", "--source", str(log))
        finally:
            has_ended.set()
        for client in posting:
            client.result()

    table = there.lake.open(CONVERSIONS)
    carried = set(there.lake.scan(table, CONVERSIONS).collect()["conversion_id"])
    posted = {row.conversion_id for row in kept(there.database)}
    assert table.version() == 1  # one commit after that which made the table
    assert waited <= carried < posted
    assert there.clicks().height == 5

    there.run("sync", "--source", str(log))
    assert set(there.lake.scan(there.lake.open(CONVERSIONS), CONVERSIONS).collect()["conversion_id"]) == posted
    assert all(check["holds"] for check in there.run_json("verify", "--json"))


def test_without_a_trusted_proxy_no_header_escapes_the_limit(world: World) -> None:
    token = ctx(world.settings, datetime.now(UTC))
    with running(world, *SERVER) as (base, _):
        spoofed = [f"198.51.100.{number}" for number in range(60)] + [f"198.51.100.{n}:{n + 1}" for n in range(61)]
        statuses = [post(base, token, str(place), address).status_code for place, address in enumerate(spoofed)]

    assert statuses == [201] * 120 + [429]
    assert outcomes(world.database) == {("acme", "accepted"): 120, ("acme", "rate_limited"): 1}
