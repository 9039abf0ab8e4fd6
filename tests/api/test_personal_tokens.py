"""Personal access tokens: shown once, kept as a hash, hard to guess, and gone when they are revoked."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient
from support.api import NOW, Api
from support.world import ACCOUNTS

from analytics_core.access import personal_tokens as personal_module
from analytics_core.access import user_tokens
from analytics_core.access.actors import Actor
from analytics_core.access.personal_tokens import PersonalTokens
from analytics_core.api import create_app
from analytics_core.errors import InvalidTokenError
from analytics_core.store import tables
from analytics_core.store.access_tokens import AccessToken, AccessTokens

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
    at_another_door = api.client.get("/v2/handles/acme/analytics", headers={"Authorization": f"Bearer {token}"})
    assert (at_another_door.status_code, at_another_door.json()["error"]) == (401, "invalid_token")
    assert "/v2/public/handles/" in at_another_door.json()["message"]

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


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"name": 7}, "name must be a text; got 7."),
        ({"name": " "}, "name must have 1 to 100 printable characters; got ' '."),
        ({"scopes": "analytics.read"}, "scopes must be a list; got 'analytics.read'."),
        ({"scopes": ["*"]}, 'scopes must be one or more of analytics.*, analytics.read, analytics.export; got ["*"].'),
        ({"expiresAt": "soon"}, "expiresAt must be a time such as 2026-10-01T00:00:00Z; got 'soon'."),
        ({"colour": "red"}, "colour is not a known key."),
    ],
)
def test_a_refusal_says_what_would_be_right_and_what_was_got(api: Api, wanted: dict[str, Any], sentence: str) -> None:
    assert post(api, **wanted).json()["message"] == sentence


@pytest.mark.parametrize("value", [b"9" * 5_000, b"[" * 900 + b"]" * 900, rb'"\ud800"', b"1e400", b"NaN"])
def test_a_value_that_is_hard_to_show_is_refused_all_the_same(api: Api, value: bytes) -> None:
    for body in (b'{"scopes": ["analytics.*"], "name": ' + value + b"}", value):
        headers = {"Authorization": f"Bearer {api.token('user_ann')}", "Content-Type": "application/json"}
        refused = api.client.post(PATH, content=body, headers=headers)

        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_parameter"), refused.text


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


def test_whatever_is_guessed_the_same_work_is_done(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a refusal cannot tell how much was right when each one looks up, hashes and compares in full."""
    text = post(api).json()["token"]
    head, _, secret = text.partition(".")
    personal = api.application.personal_tokens
    done: list[str] = []

    def spied(place: Any, name: str) -> None:
        real = getattr(place, name)

        def spy(*given: Any) -> Any:
            done.append(name)
            return real(*given)

        monkeypatch.setattr(place, name, spy)

    spied(personal_module.hmac, "new")
    spied(personal_module.hmac, "compare_digest")
    spied(AccessTokens, "find")
    for guess in (
        f"{head}.{'A' * 43}",
        f"{head}.{secret[:-1]}{'B' if secret[-1] == 'A' else 'A'}",
        f"patv1_{'0' * 16}.{secret}",
    ):
        done.clear()
        with pytest.raises(InvalidTokenError):
            personal.verify(guess, NOW)
        assert done == ["find", "new", "compare_digest"]


def test_the_time_of_a_refusal_tells_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds of guesses take the same work within some microseconds, which no network lets through. A leak of one
    millisecond is seen, so the comparison can fail. The processor's time counts: no other program adds to it.
    """
    text = post(api).json()["token"]
    head, _, secret = text.partition(".")
    guesses = [
        f"{head}.{'B' if secret[0] == 'A' else 'A'}{secret[1:]}",
        f"{head}.{secret[:-1]}{'B' if secret[-1] == 'A' else 'A'}",
        f"patv1_{'0' * 16}.{secret}",
    ]

    def spread() -> float:
        medians = [median(taken) for taken in timed(api, guesses, rounds=200)]
        return max(medians) - min(medians)

    assert spread() < 300_000

    def leak(place: AccessTokens, token_id: str) -> AccessToken | None:
        found = find(place, token_id)
        ends = time.thread_time_ns() + (1_000_000 if found else 0)
        while time.thread_time_ns() < ends:
            pass
        return found

    find = AccessTokens.find
    monkeypatch.setattr(AccessTokens, "find", leak)
    assert spread() > 500_000


def timed(api: Api, guesses: Sequence[str], rounds: int) -> list[list[int]]:
    """Nanoseconds of this thread for each guess, `rounds` times in a random order."""
    taken: list[list[int]] = [[] for _ in guesses]
    order, chance = list(enumerate(guesses)), random.Random(7)
    for _ in range(rounds):
        chance.shuffle(order)
        for place, guess in order:
            began = time.thread_time_ns()
            with suppress(InvalidTokenError):
                api.application.personal_tokens.verify(guess, NOW)
            taken[place].append(time.thread_time_ns() - began)
    return taken


def test_a_downgrade_leaves_tokens_to_be_seen_and_revoked(api: Api) -> None:
    made = post(api).json()
    user = {"Authorization": f"Bearer {api.token()}"}
    api.world.load(on_plan("FREE"))

    refused = post(api)
    assert (refused.status_code, refused.json()["error"]) == (403, "feature_locked")
    assert made["tokenId"] in {one["tokenId"] for one in api.client.get(PATH, headers=user).json()["tokens"]}
    assert api.client.delete(f"{PATH}/{made['tokenId']}", headers=user).status_code == 204
    api.world.load(on_plan("PRO"))
    assert ask(api, made["token"]).status_code == 401


def test_a_reviewer_with_a_role_of_their_own_keeps_what_it_allows(api: Api) -> None:
    settings, now = api.application.settings, api.application.clock()
    for user, status in (("user_ann", 201), ("user_sue", 403)):
        token = user_tokens.mint(settings, user, now=now, lifetime=timedelta(hours=1), is_staff=True)
        made = api.client.post(
            PATH, json={"name": "Mine", "scopes": ["analytics.read"]}, headers={"Authorization": f"Bearer {token}"}
        )
        assert made.status_code == status


def on_plan(plan: str) -> dict[str, Any]:
    changed = deepcopy(ACCOUNTS)
    changed["handles"][0]["plan"] = plan
    return changed


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"name": 1}', b""])
def test_who_asks_comes_before_what_they_send(api: Api, body: bytes) -> None:
    def refused(user: str | None) -> tuple[int, str]:
        headers = {} if user is None else {"Authorization": f"Bearer {api.token(user)}"}
        response = api.client.post(PATH, content=body, headers=headers)
        return response.status_code, response.json()["error"]

    assert refused(None) == (401, "missing_bearer_token")
    assert refused("user_zoe") == (404, "handle_not_found")
    assert refused("user_bob") == (403, "insufficient_role")
    assert refused("user_ann") == (400, "invalid_parameter")


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
