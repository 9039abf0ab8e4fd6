"""A lake in a bucket that is slow or silent: questions about it are late or refused, and nobody else waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2 as httpx
import pytest
from support import s3, slow_store
from support.logs import realtime_text, requests, write
from support.posts import conversion, ctx
from support.servers import SERVER, running
from support.slow_store import SlowStore
from support.world import World

pytestmark = pytest.mark.s3

ASKED = {"groupBy": "slug", "fromDay": "20260301", "toDay": "20260331"}


@dataclass
class ServedRequest:
    base: str
    token: str
    store: SlowStore
    ctx: str
    client: httpx.Client

    def question(self) -> httpx.Response:
        path = "/v2/handles/acme/analytics"
        return self.client.get(self.base + path, params=ASKED, headers={"Authorization": f"Bearer {self.token}"})

    def ready(self) -> httpx.Response:
        return self.client.get(f"{self.base}/readyz")

    def answers_again(self) -> bool:
        for _ in range(60):
            if (self.question().status_code, self.ready().status_code) == (200, 200):
                return True
            time.sleep(1)
        return False

    def others(self, number: int) -> list[int]:
        """Statuses of what does not need the lake."""
        posted = self.client.post(f"{self.base}/v2/public/conversions", json=conversion(self.ctx, f"order-{number}"))
        paths = ("/healthz", "/r/acme/launch", f"/v2/public/context?ctx={self.ctx}", "/v2/handles/acme/tokens")
        header = {"Authorization": f"Bearer {self.token}"}
        return [posted.status_code, *(self.client.get(self.base + path, headers=header).status_code for path in paths)]


OTHERS = [201, 200, 302, 200, 200]


@contextmanager
def waiting(served: ServedRequest, count: int) -> Iterator[list[Future[httpx.Response]]]:
    """As many questions, and looks whether the service is ready, all of them asked."""
    served.store.asked.clear()
    with ThreadPoolExecutor(2 * count) as pool:
        probes = [pool.submit(served.ready) for _ in range(count)]
        questions = [pool.submit(served.question) for _ in range(count)]
        assert served.store.asked.wait(60)
        yield questions
        for one in probes:
            assert one.result().status_code in (200, 503)


@pytest.fixture(scope="module")
def served(s3_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedRequest]:
    with slow_store.before(s3_endpoint) as store:
        bucket = {**s3.KEYS, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": store.endpoint}
        lake = {"CLICKLEDGER_LAKE": f"s3://{s3.new_bucket(s3_endpoint)}/lake"}
        there = World(tmp_path_factory.mktemp("slow"), bucket | lake)
        there.load()
        there.run("sync", "--source", str(write(there.folder / "a.log", realtime_text(requests(20)))))
        client = httpx.Client(timeout=150, limits=httpx.Limits(max_connections=200))
        with running(there, *SERVER) as (base, _), client:
            token = ctx(there.settings, datetime.now(UTC))
            made = ServedRequest(base, there.run_token("user_ann"), store, token, client)
            assert made.question().json()["totals"]["clicks"] == 20
            yield made


def test_a_store_that_is_silent_keeps_nobody_else_waiting(served: ServedRequest) -> None:
    served.store.answers.clear()
    with waiting(served, 50) as questions:
        assert [served.others(number) for number in range(2)] == [OTHERS] * 2
        assert not any(one.done() for one in questions)
        metrics = served.client.get(f"{served.base}/metrics")
        refused = [one.result() for one in questions]
    served.store.answers.set()

    assert metrics.status_code == 200
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["error"] for answer in refused} == {"store_unavailable"}
    assert served.answers_again()


def test_a_store_that_is_slow_makes_its_own_answers_late(served: ServedRequest) -> None:
    served.store.seconds = 0.5  # of each of dozens of answers
    with waiting(served, 20) as questions:
        assert served.others(2) == OTHERS
        assert not any(one.done() for one in questions)
        answers = [one.result() for one in questions]

    assert [answer.json()["totals"]["clicks"] for answer in answers] == [20] * 20
