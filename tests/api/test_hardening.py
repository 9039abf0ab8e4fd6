"""Limits, headers and silence: what a hostile client can neither exhaust nor learn."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient
from support.api import Api
from support.logs import realtime_text, requests, write
from support.world import World

from analytics_core.access.rate_limits import RateLimits
from analytics_core.api import create_app
from analytics_core.errors import SettingsError

NUMBERS = "/v2/handles/acme/analytics"
QUESTION = {"groupBy": "day", "fromDay": "20260301", "toDay": "20260312"}


def test_a_caller_is_told_what_is_left_and_when_there_is_more(api: Api) -> None:
    settings = api.application.settings.model_copy(update={"query_rate": "5/minute"})
    limited = replace(api.application, settings=settings, rates=RateLimits("memory://"))
    with TestClient(create_app(lambda: limited)) as client:
        mine = replace(api, client=client)
        answers = [mine.get(NUMBERS, **QUESTION) for _ in range(7)]
        other = mine.get(NUMBERS, "user_bob", **QUESTION)
        nobody = client.get(NUMBERS, params=QUESTION)

    assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
    assert [int(one.headers["RateLimit-Remaining"]) for one in answers] == [4, 3, 2, 1, 0, 0, 0]
    assert answers[0].headers["RateLimit-Limit"] == "5"
    assert answers[0].headers["RateLimit-Policy"] == "5;w=60"
    assert answers[-1].json()["error"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].headers["Retry-After"] == answers[-1].headers["RateLimit-Reset"]
    assert other.status_code == 200
    assert "RateLimit-Limit" not in nobody.headers


def test_a_store_of_rates_that_does_not_answer_holds_nobody_back(api: Api) -> None:
    lost = replace(api.application, rates=RateLimits("redis://127.0.0.1:1/0"))
    with TestClient(create_app(lambda: lost)) as client:
        answer = replace(api, client=client).get(NUMBERS, **QUESTION)
    assert answer.status_code == 200


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host"])
def test_a_wrong_store_of_rates_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="CLICKLEDGER_RATE_LIMIT_URL"):
        RateLimits(url)


def test_a_body_has_a_largest_size_announced_or_not(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.token()}", "Content-Type": "application/json"}
    large = b'{"name": "' + b"x" * 70_000 + b'"}'
    announced = api.client.post("/v2/handles/acme/tokens", content=large, headers=headers)
    streamed = api.client.post(
        "/v2/handles/acme/tokens", content=iter([large[:40_000], large[40_000:]]), headers=headers
    )
    for answer in (announced, streamed):
        assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")
        assert answer.json()["requestId"] == answer.headers["X-Request-Id"]


def test_a_body_that_does_not_arrive_is_not_waited_for(world: World, serve: Callable[[World], str]) -> None:
    world = replace(world, environment={"CLICKLEDGER_BODY_SECONDS": "0.5"})
    world.sync(write(world.folder / "a.gz", realtime_text(requests(1))))
    port = int(serve(world).rsplit(":", 1)[1])
    head = b"POST /v2/handles/acme/tokens HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        started = time.monotonic()
        connection.sendall(head + b'{"na')
        answer = b""
        while b"request_timeout" not in answer and (piece := connection.recv(4096)):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in answer
    assert 0.4 < time.monotonic() - started < 5


def test_the_api_lets_a_browser_do_nothing_with_its_answers(api: Api) -> None:
    for path in (NUMBERS, "/healthz", "/v2/nothing", "/v2/openapi.json"):
        headers = api.client.get(path).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Strict-Transport-Security" not in headers
    with TestClient(api.client.app, base_url="https://testserver") as client:
        assert client.get("/healthz").headers["Strict-Transport-Security"].startswith("max-age=31536000")


@pytest.mark.parametrize("path", ["/v2/handles/a%00b/analytics", "/v2/handles/acme/tokens/%00", "/v2/%00"])
def test_a_path_with_a_null_byte_names_nothing(api: Api, path: str) -> None:
    answer = api.client.request("DELETE" if "tokens" in path else "GET", path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_no_secret_reaches_a_log_an_answer_or_the_screen_of_settings(
    world: World, serve: Callable[[World], str], tmp_path: Path
) -> None:
    world = replace(
        world,
        environment={
            "CLICKLEDGER_JWT_SECRET": "jwt-secret-" + "j" * 40,
            "CLICKLEDGER_TOKEN_SECRET": "token-secret-" + "t" * 40,
            "CLICKLEDGER_VISITOR_SECRET": "visitor-secret-" + "v" * 40,
        },
    )
    world.sync(write(world.folder / "a.gz", realtime_text(requests(1))))
    base = serve(world)
    jwt = world.run_token("user_ann")
    user = {"Authorization": f"Bearer {jwt}"}
    made = httpx.post(f"{base}/v2/handles/acme/tokens", json={"name": "x", "scopes": ["analytics.*"]}, headers=user)
    pat = made.json()["token"]
    script = {"Authorization": f"Bearer {pat}"}
    answers = [
        httpx.get(f"{base}/v2/public{NUMBERS.removeprefix('/v2')}", params={"groupBy": "day"}, headers=script),
        httpx.get(f"{base}{NUMBERS}", params={"groupBy": "nonsense"}, headers=user),
        httpx.get(f"{base}{NUMBERS}", headers=script),
        httpx.get(f"{base}/metrics"),
    ]
    ctx = "eyJ0eXAiOiJjdHgrand0In0.e30.signature"
    httpx.get(f"{base}/v2/public/context", params={"ctx": ctx})
    log = _log_with(tmp_path / "server.log", "/v2/public/context")
    told = log + "".join(one.text + str(one.headers) for one in answers) + world.run("settings").stdout
    assert [one.status_code for one in answers] == [200, 400, 401, 200]
    for secret in (*world.environment.values(), jwt, pat, pat.partition(".")[2], ctx):
        assert secret not in told


def _log_with(path: Path, wanted: str) -> str:
    """The whole log, once it tells of a request for `wanted`: the line is written after the answer."""
    for _ in range(100):
        log = path.read_text()
        events = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
        if any(one["event"] == "request" and one["path"] == wanted for one in events):
            return log
        time.sleep(0.1)
    raise AssertionError(log)
