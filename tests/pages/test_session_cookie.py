"""The cookie that carries a session over a reload: only for valid tokens, out of reach of scripts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from support.screens import Dashboard, token

from analytics_core.bootstrap import shared
from analytics_core.ui import session_cookie


@pytest.fixture
def client(unsynced: Dashboard) -> TestClient:
    return TestClient(Starlette(routes=[*session_cookie.routes(""), *session_cookie.routes("/stats")]))


def test_a_valid_token_is_kept_until_it_expires(unsynced: Dashboard, client: TestClient) -> None:
    answer = client.post(session_cookie.PATH, json={"token": token(unsynced.world, "user_ann")})
    assert answer.status_code == 204
    kept = answer.headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=strict" in kept
    assert "expires=" in kept


@pytest.mark.parametrize(("base", "place"), [("", "/"), ("/stats", "/stats")])
def test_the_cookie_is_sent_to_the_dashboard_alone(
    unsynced: Dashboard, client: TestClient, base: str, place: str
) -> None:
    for body in ({"token": token(unsynced.world, "user_ann")}, {"token": ""}):
        fields = client.post(base + session_cookie.PATH, json=body).headers["set-cookie"].split("; ")
        assert [field for field in fields if field.lower().startswith("path=")] == [f"Path={place}"]


def test_an_empty_token_ends_the_session(client: TestClient) -> None:
    answer = client.post(session_cookie.PATH, json={"token": ""})
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'"x"', b"not json"])
def test_a_body_that_is_no_token_sets_nothing(client: TestClient, body: bytes) -> None:
    answer = client.post(session_cookie.PATH, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert "set-cookie" not in answer.headers


def test_an_expired_token_sets_nothing(unsynced: Dashboard, client: TestClient) -> None:
    expired = token(unsynced.world, "user_ann", timedelta(minutes=-5))
    answer = client.post(session_cookie.PATH, json={"token": expired})
    assert (answer.status_code, answer.json()["error"]) == (401, "token_expired")
    (failed,) = shared().audit.events(None, limit=10)
    assert failed.action == "sign_in.failed"
    assert failed.request_id == answer.json()["requestId"] == answer.headers["X-Request-Id"] != ""


def test_a_form_of_another_site_sets_nothing(unsynced: Dashboard, client: TestClient) -> None:
    answer = client.post(session_cookie.PATH, data={"token": token(unsynced.world, "user_ann")})
    assert answer.status_code == 415
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("said", [(1, "https", True), (1, "http", False), (0, "https", False)])
def test_a_trusted_proxy_says_whether_the_browser_spoke_tls(
    unsynced: Dashboard, client: TestClient, monkeypatch: pytest.MonkeyPatch, said: tuple[int, str, bool]
) -> None:
    proxies, proto, is_secure = said
    application = session_cookie.shared()
    there = replace(application, settings=application.settings.model_copy(update={"trusted_proxies": proxies}))
    monkeypatch.setattr(session_cookie, "shared", lambda: there)
    body = {"token": token(unsynced.world, "user_ann")}
    answer = client.post(session_cookie.PATH, json=body, headers={"X-Forwarded-Proto": proto})
    assert ("secure" in answer.headers["set-cookie"].lower()) == is_secure
