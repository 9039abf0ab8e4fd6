"""What is posted and belongs to no handle: reviewers see it by day and outcome, nobody else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient
from support.api import NOW, Api
from support.posts import conversion, ctx
from support.world import World

from analytics_core.access import user_tokens
from analytics_core.api import create_app
from analytics_core.bootstrap import build
from analytics_core.zones import RELEASE

DOOR, SIGNALS = "/v2/public/conversions", "/v2/public/chain/signals"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    world = World(tmp_path, {"CLICKLEDGER_TRUSTED_PROXIES": "1"}, now=NOW)
    world.load()
    application = build(world.settings, clock=lambda: NOW)
    with TestClient(create_app(lambda: application), raise_server_exceptions=False) as client:
        yield Api(client, application, world)
    application.analytics.close()


def post(api: Api, door: str, body: Any, times: int = 1) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    for _ in range(times):
        api.client.post(door, content=content, headers={"X-Forwarded-For": "203.0.113.1"})


def signal(handle: str) -> dict[str, Any]:
    return {
        "handle": handle,
        "sessionId": f"sig_{handle}_1_a",
        "signalKey": "intent",
        "signalValue": "",
        "confidence": 1,
    }


def test_reviewers_see_posts_that_no_handle_sees(api: Api) -> None:
    good = ctx(api.application.settings, NOW)
    other = api.world.settings.model_copy(update={"ctx_secrets": SecretStr("o" * 40)})
    foreign = ctx(other, NOW, handle="nobody")
    post(api, DOOR, conversion(good))
    post(api, DOOR, conversion(good, value="much"))  # acme's own
    post(api, DOOR, conversion(foreign, "order-2"), times=2)
    post(api, DOOR, b"no json")
    post(api, DOOR, b"x" * 20_000)
    post(api, SIGNALS, signal("acme"))
    post(api, SIGNALS, signal("nobody"), times=3)
    yesterday = replace(api.application, clock=lambda: NOW - timedelta(days=1))
    with TestClient(create_app(lambda: yesterday)) as client:
        post(replace(api, client=client), SIGNALS, signal("nobody"))

    told = api.get("/v2/posts", "staff")

    none = dict.fromkeys(("accepted", "duplicate", "keyReused", "expired", "rateLimited"), 0)
    assert told.json() == {
        "range": {"fromDay": "20260211", "toDay": "20260312", "timezone": "UTC", "timezoneRelease": RELEASE},
        "rows": [
            {"day": "20260311", **none, "badSignature": 0, "invalidField": 0, "signals": 1},
            {"day": "20260312", **none, "badSignature": 2, "invalidField": 2, "signals": 3},
        ],
    }
    assert told.headers["Cache-Control"] == "no-store"
    day = api.get("/v2/posts", "staff", fromDay="20260311", toDay="20260311").json()
    assert [row["day"] for row in day["rows"]] == ["20260311"]


def test_nobody_else_sees_them(api: Api) -> None:
    assert api.get("/v2/posts", "user_ann").json()["error"] == "insufficient_role"
    assert api.get("/v2/posts", None).json()["error"] == "missing_bearer_token"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("fromDay=yesterday", "invalid_date_range"),
        ("fromDay=20260312&toDay=20260311", "invalid_date_range"),
        ("fromDay=20200101", "invalid_date_range"),
        ("fromDay=20260311&fromDay=20260312", "invalid_parameter"),
        ("other=1&other=2", None),
    ],
)
def test_days_are_asked_for_as_everywhere(api: Api, query: str, code: str | None) -> None:
    reviewer = {"Authorization": f"Bearer {api.token('user_sue', role=user_tokens.STAFF)}"}
    answer = api.client.get(f"/v2/posts?{query}", headers=reviewer)

    assert answer.json().get("error") == code
