"""The door of signals, and what a ctx says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import insert, select
from starlette.testclient import TestClient
from support.api import NOW, Api
from support.logs import Request, realtime_text, write
from support.posts import ctx, long_ago
from support.world import World

from analytics_core.api import create_app
from analytics_core.bootstrap import build
from analytics_core.store import tables
from analytics_core.store.lake_tables import SIGNALS

DOOR = "/v2/public/chain/signals"
SESSION = "sig_acme_1773316800_k3x9"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    world = World(tmp_path_factory.mktemp("signals"), {"CLICKLEDGER_TRUSTED_PROXIES": "1"}, now=NOW)
    world.load()
    application = build(world.settings, clock=lambda: NOW)
    with TestClient(create_app(lambda: application), raise_server_exceptions=False) as client:
        yield Api(client, application, world)
    application.analytics.close()


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """One of its own for every test."""
    return f"10.{hash(request.node.nodeid) % 250}.{hash(request.node.name) % 250}.1"


def signal(**fields: Any) -> dict[str, Any]:
    posted = {
        "handle": "acme",
        "sessionId": SESSION,
        "signalKey": "intent",
        "signalValue": "pricing",
        "confidence": 0.8,
    }
    return {name: value for name, value in (posted | fields).items() if value is not ...}


def post(api: Api, body: Any, address: str) -> httpx.Response:
    return api.client.post(DOOR, content=json.dumps(body), headers={"X-Forwarded-For": address})


def stored(api: Api, response: httpx.Response) -> Any:
    assert response.status_code == 201, response.text
    with api.application.database.connect() as connection:
        chosen = tables.signals.c.signal_id == response.json()["signalId"]
        return connection.execute(select(tables.signals).where(chosen)).one()


def test_a_signal_of_a_click_is_kept_with_what_its_ctx_says(api: Api, address: str) -> None:
    token = ctx(api.application.settings, NOW, consent="denied")
    metadata = {"page": "Preise €", "seconds": 12.5, "nested": [None, True]}

    row = stored(api, post(api, signal(ctx=token, handle=..., source="pixel", metadata=metadata), address))

    assert (row.handle, row.session_id, row.slug, row.click_id, row.consent) == (
        *("acme", SESSION, "launch", "click-1=="),
        "denied",
    )
    assert (row.signal_key, row.signal_value, row.confidence, row.source) == ("intent", "pricing", 0.8, "pixel")
    assert json.loads(row.metadata) == metadata
    assert (row.at, row.carried) == (NOW, False)


def test_a_signal_of_a_handle_needs_no_click(api: Api, address: str) -> None:
    row = stored(api, post(api, signal(handle="ACME", signalValue="", confidence=1), address))

    assert (row.handle, row.slug, row.click_id, row.consent, row.source, row.metadata) == ("acme", *[None] * 5)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"handle": ...}, "handle"),
        ({"handle": 7}, "handle"),
        ({"handle": "not a handle"}, "handle"),
        ({"ctx": 7}, "ctx"),
        ({"sessionId": ...}, "sessionId"),
        ({"sessionId": "acme"}, "sessionId"),
        ({"sessionId": "sig_zed_1773316800_k3x9"}, "sessionId"),
        ({"sessionId": "sig_acme_now_k3x9"}, "sessionId"),
        ({"sessionId": "sig_acme_1773316800_"}, "sessionId"),
        ({"sessionId": f"sig_acme_1773316800_{'k' * 300}"}, "sessionId"),
        ({"signalKey": ...}, "signalKey"),
        ({"signalKey": ""}, "signalKey"),
        ({"signalKey": "k" * 65}, "signalKey"),
        ({"signalValue": ...}, "signalValue"),
        ({"signalValue": 1}, "signalValue"),
        ({"signalValue": "v" * 257}, "signalValue"),
        ({"signalValue": "a\0"}, "signalValue"),
        ({"confidence": ...}, "confidence"),
        ({"confidence": "0.8"}, "confidence"),
        ({"confidence": True}, "confidence"),
        ({"confidence": 1.0001}, "confidence"),
        ({"confidence": -0.1}, "confidence"),
        ({"source": ""}, "source"),
        ({"source": "s" * 65}, "source"),
        ({"metadata": [1]}, "metadata"),
        ({"metadata": {"text": "€" * 1_400}}, "metadata"),
    ],
)
def test_a_wrong_field_is_named(api: Api, address: str, fields: dict[str, Any], named: str) -> None:
    response = post(api, signal(**fields), address)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_signal")
    assert response.json()["message"].startswith(f"{named} "), "the subject first"


def test_a_number_that_no_double_holds_is_refused(api: Api, address: str) -> None:
    body = json.dumps(signal(metadata={"number": 7})).replace("7}", "1e400}")

    response = api.client.post(DOOR, content=body, headers={"X-Forwarded-For": address})

    assert response.json()["error"] == "invalid_signal"


def test_a_signal_must_fit_its_ctx(api: Api, address: str) -> None:
    settings = api.application.settings
    other = post(api, signal(ctx=ctx(settings, NOW, handle="zed")), address)
    old = post(api, signal(ctx=ctx(settings, long_ago(NOW))), address)

    assert (other.status_code, other.json()["error"]) == (400, "invalid_signal")
    assert (old.status_code, old.json()["error"]) == (400, "invalid_ctx")


def test_nobody_learns_whether_a_handle_exists(api: Api, address: str) -> None:
    """Not from the answer, nor from the limits of a session."""

    def told(handle: str) -> list[tuple[int, set[str], set[str]]]:
        session = f"sig_{handle}_3_full"
        row = {"handle": handle, "session_id": session, "signal_key": "k", "signal_value": "", "confidence": 1.0}
        ids = (f"{handle[0]}{number:031}" for number in range(198))
        with api.application.database.begin() as connection:
            rows = [row | {"signal_id": one, "at": NOW, "carried": True} for one in ids]
            connection.execute(insert(tables.signals), rows)
        answers = [post(api, signal(handle=handle, sessionId=session), address) for _ in range(3)]
        answers.append(post(api, signal(handle=handle, sessionId="sig_other_3_a"), address))
        return [(one.status_code, set(one.headers), set(one.json())) for one in answers]

    there, not_there = told("zed"), told("nobody")

    assert [status for status, _, _ in there] == [201, 201, 429, 400]
    assert not_there == there


def test_a_signal_of_a_handle_that_does_not_exist_is_kept_aside(api: Api, address: str) -> None:
    """It never counts, and nothing of it is lost. With a ctx of ours the handle is real, and only not loaded yet."""
    aside = stored(api, post(api, signal(handle="ghost", sessionId="sig_ghost_1_a"), address))
    token = ctx(api.application.settings, NOW, handle="ghost", slug="launch")
    signed = stored(api, post(api, signal(handle=..., ctx=token, sessionId="sig_ghost_1_b"), address))
    api.world.load({"handles": [{"handle": "ghost", "plan": "PRO", "planSince": "2026-01-01T00:00:00Z"}]})

    api.world.sync(write(api.world.folder / "logs" / "a.log", realtime_text([Request(1)])))

    lake = api.world.lake
    in_the_lake = lake.scan(lake.open(SIGNALS), SIGNALS).filter(handle="ghost").collect()["signal_id"].to_list()
    assert in_the_lake == [signed.signal_id]
    assert (aside.handle, aside.signal_value) == ("ghost", "pricing")


def test_a_body_of_more_than_16_kib_is_413(api: Api, address: str) -> None:
    assert post(api, signal(padding="x" * 16_384), address).json()["error"] == "payload_too_large"


def test_60_signals_a_session_and_120_a_client_in_a_minute(api: Api, address: str) -> None:
    def statuses(count: int, session: str) -> list[int]:
        return [post(api, signal(sessionId=session), address).status_code for _ in range(count)]

    assert statuses(61, "sig_acme_1_one") == [201] * 60 + [429]
    assert statuses(60, "sig_acme_1_two") == [201] * 59 + [429]  # the refused one was the client's 61st
    refused = post(api, signal(sessionId="sig_acme_1_three"), address)
    assert refused.json()["error"] == "rate_limited"
    assert 0 < int(refused.headers["Retry-After"]) <= 60


def test_200_signals_a_session(api: Api, address: str) -> None:
    session = "sig_acme_2_full"
    row = {
        "handle": "acme",
        "session_id": session,
        "signal_key": "intent",
        "signal_value": "",
        "confidence": 1.0,
        "at": NOW,
    }
    with api.application.database.begin() as connection:
        connection.execute(insert(tables.signals), [row | {"signal_id": f"{number:032}"} for number in range(198)])

    statuses = [post(api, signal(sessionId=session), address).status_code for _ in range(3)]

    assert statuses == [201, 201, 429]


def test_a_ctx_says_what_its_redirect_said(api: Api) -> None:
    settings = api.application.settings
    token = ctx(settings, NOW, session_id="s1", position=3, consent="denied")

    said = api.client.get("/v2/public/context", params={"ctx": token}, headers={"Origin": "https://shop.example"})

    assert said.json() == {
        "handle": "acme",
        "slug": "launch",
        "clickId": "click-1==",
        "clickedAt": "2026-03-12T12:00:00Z",
        "expiresAt": "2026-03-12T12:15:00Z",
        "sessionId": "s1",
        "position": 3,
        "consent": "denied",
    }
    assert said.headers["Access-Control-Allow-Origin"] == "*"
    bare = api.client.get("/v2/public/context", params={"ctx": ctx(settings, NOW)}).json()
    assert (bare["sessionId"], bare["position"]) == (None, None)


def test_a_ctx_that_proves_nothing_says_nothing(api: Api) -> None:
    wrong = ({}, {"ctx": "nonsense"}, {"ctx": ctx(api.application.settings, long_ago(NOW))}, {"ctx": api.token()})
    answers = [api.client.get("/v2/public/context", params=parameters) for parameters in wrong]

    assert [(one.status_code, one.json()["error"]) for one in answers] == [(400, "invalid_ctx")] * 4
