"""Personal access tokens: shown once, kept as a hash, hard to guess, and gone when they are revoked."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient
from support.api import NOW, Api

from analytics_core.access.actors import Actor
from analytics_core.access.personal import PersonalTokens
from analytics_core.api import create_app
from analytics_core.errors import ClickledgerError, InvalidTokenError
from analytics_core.store import tables

PATH = "/v2/handles/acme/tokens"
NUMBERS = "/v2/public/handles/acme/analytics"
QUESTION = {"groupBy": "slug", "fromDay": "20260301", "toDay": "20260312"}


def post(api: Api, user: str = "user_ann", **body: Any) -> httpx.Response:
    wanted = {"name": "Nightly report", "scopes": ["analytics.*"]} | body
    return api.client.post(PATH, json=wanted, headers={"Authorization": f"Bearer {api.token(user)}"})


def ask(api: Api, token: str, path: str = NUMBERS, **parameters: str) -> httpx.Response:
    return api.client.get(path, params=QUESTION | parameters, headers={b"Authorization": f"Bearer {token}".encode()})


def test_a_token_is_made_shown_once_used_listed_and_revoked(api: Api) -> None:
    made = post(api)
    assert made.status_code == 201
    token, token_id = made.json()["token"], made.json()["tokenId"]
    assert token.startswith(f"patv1_{token_id}.")
    assert made.headers["Cache-Control"] == "no-store"

    user = {"Authorization": f"Bearer {api.token()}"}
    assert ask(api, token).json()["totals"] == api.get("/v2/handles/acme/analytics", **QUESTION).json()["totals"]
    exported = ask(api, token, f"{NUMBERS}/export", format="csv")
    manifest = ask(api, token, f"{NUMBERS}/exports/{exported.headers['X-Export-Manifest']}")
    assert manifest.json()["createdBy"] == "user_ann"

    listed = api.client.get(PATH, headers=user)
    mine = next(one for one in listed.json()["tokens"] if one["tokenId"] == token_id)
    assert token.partition(".")[2] not in listed.text
    assert (mine["name"], mine["scopes"], mine["createdBy"]) == ("Nightly report", ["analytics.*"], "user_ann")
    assert mine["lastUsedAt"] == "2026-03-12T12:00:00Z"
    assert mine["expiresAt"] is None

    assert api.client.delete(f"{PATH}/{token_id}", headers=user).status_code == 204
    gone = ask(api, token)
    assert (gone.status_code, gone.json()["error"]) == (401, "invalid_token")
    again = api.client.delete(f"{PATH}/{token_id}", headers=user)
    assert (again.status_code, again.json()["error"]) == (404, "not_found")


def test_the_database_holds_no_secret(api: Api) -> None:
    token = post(api).json()["token"]
    secret = token.partition(".")[2]
    for file in (api.world.folder / "var").glob("clickledger.sqlite*"):
        assert secret.encode() not in file.read_bytes()


def test_the_hash_needs_the_key_of_the_deployment(api: Api) -> None:
    token = post(api).json()["token"]
    settings = api.application.settings
    assert settings.token_secret is not None
    other = settings.model_copy(update={"token_secret": settings.visitor_secret})
    with pytest.raises(InvalidTokenError):
        PersonalTokens(other, api.application.database, api.application.policy).verify(token, NOW)


@pytest.mark.parametrize(
    "wanted",
    [
        {"scopes": []},
        {"scopes": ["*"]},
        {"scopes": ["tokens.manage"]},
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 101},
        {"name": "null\x00byte"},
        {"expiresAt": "2026-03-12T11:59:59Z"},
        {"expiresAt": "2026-04-01T00:00:00"},
        {"expiresAt": "9999-12-31T23:59:59-23:00"},
        {"colour": "red"},
    ],
)
def test_a_token_that_cannot_be_is_refused(api: Api, wanted: dict[str, Any]) -> None:
    answer = post(api, **wanted)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_parameter")


def test_an_expired_token_says_so_to_who_knows_the_secret_alone(api: Api) -> None:
    token = post(api, expiresAt="2026-03-12T12:30:00Z").json()["token"]
    assert ask(api, token).status_code == 200
    later = replace(api.application, clock=lambda: NOW + timedelta(hours=1))
    with TestClient(create_app(lambda: later)) as client:
        expired = ask(replace(api, client=client), token)
        guessed = ask(replace(api, client=client), token[:-4] + "AAAA")
    assert (expired.status_code, expired.json()["error"]) == (401, "token_expired")
    assert (guessed.status_code, guessed.json()["error"]) == (401, "invalid_token")


def test_guesses_are_refused_in_one_and_the_same_way(api: Api) -> None:
    token = post(api).json()["token"]
    token_id, _, secret = token.removeprefix("patv1_").partition(".")
    guesses = [
        f"patv1_{token_id}.{'A' * 43}",
        f"patv1_{'0' * 16}.{secret}",
        f"patv1_{token_id}.{secret[:-1]}",
        f"patv1_{token_id}.{secret}A",
        f"patv1_{token_id}.{secret.swapcase()}",
        f"patv2_{token_id}.{secret}",
        f"patv1_{token_id}",
        f"patv1_{token_id}.",
        f"patv1_{token_id}' OR '1'='1.{secret}",
        f"PATV1_{token_id}.{secret}",
        f"patv1_{token_id}.{secret}\u0661",
        *(f"patv1_{token_id}.{secret[:at]}{'B' if secret[at] == 'A' else 'A'}{secret[at + 1 :]}" for at in range(42)),
    ]
    answers = [ask(api, guess) for guess in guesses]

    assert {(one.status_code, one.json()["error"]) for one in answers} == {(401, "invalid_token")}
    assert len({one.json()["message"] for one in answers}) == 1


def test_the_time_of_a_refusal_does_not_tell_how_much_was_right(api: Api) -> None:
    """Medians of many: a comparison that stops early would show no less on one character than on 42."""
    personal = api.application.personal_tokens
    text = post(api).json()["token"]
    head, _, secret = text.partition(".")
    kinds = {
        "nothing right": f"{head}.{'A' * 43}",
        "all but the last": f"{head}.{secret[:-1]}{'B' if secret[-1] == 'A' else 'A'}",
        "no such token": f"patv1_{'0' * 16}.{secret}",
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(150):
        for kind, guess in kinds.items():
            started = time.perf_counter()
            with pytest.raises(ClickledgerError):
                personal.verify(guess, NOW)
            seconds[kind].append(time.perf_counter() - started)
    medians = [statistics.median(times) for times in seconds.values()]
    assert max(medians) < 3 * min(medians)


def test_a_busy_token_writes_its_use_once_a_minute(api: Api) -> None:
    personal = api.application.personal_tokens
    made = personal.make(Actor("user_ann"), "acme", name="busy", scopes=("analytics.read",), now=NOW)

    def used_at(seconds: int) -> str:
        personal.verify(made.secret_text, NOW + timedelta(seconds=seconds))
        token = tables.access_tokens
        with api.application.database.connect() as connection:
            found = select(token.c.last_used_at).where(token.c.token_id == made.token.token_id)
            return f"{connection.execute(found).scalar_one():%H:%M:%S}"

    assert [used_at(seconds) for seconds in (1, 30, 60, 61, 100, 125)] == [
        *("12:00:01", "12:00:01", "12:00:01", "12:01:01", "12:01:01", "12:02:05")
    ]
