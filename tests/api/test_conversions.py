"""The door of conversions: what it takes, what it refuses, and what a replay gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import jwt
import pytest
from starlette.testclient import TestClient
from support.api import NOW, Api
from support.logs import Request, realtime_text, write
from support.posts import conversion, ctx, kept, long_ago, outcomes
from support.world import World

from analytics_core.api import create_app
from analytics_core.bootstrap import build

DOOR = "/v2/public/conversions"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """An empty lake, `acme` and `zed`, one trusted proxy: a test chooses its address."""
    world = World(tmp_path, {"CLICKLEDGER_TRUSTED_PROXIES": "1"}, now=NOW)
    world.load()
    application = build(world.settings, clock=lambda: NOW)
    with TestClient(create_app(lambda: application), raise_server_exceptions=False) as client:
        yield Api(client, application, world)
    application.analytics.close()


@pytest.fixture
def token(api: Api) -> str:
    return ctx(api.application.settings, NOW)


def post(api: Api, body: Any, address: str = "203.0.113.1") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.client.post(
        DOOR, content=content, headers={"X-Forwarded-For": address, "Origin": "https://shop.example"}
    )


def test_a_conversion_is_kept_with_what_its_click_says(api: Api) -> None:
    token = ctx(api.application.settings, NOW, session_id="s1", position=2, consent="denied")

    response = post(api, conversion(token))

    assert response.status_code == 201
    assert response.json() == {"conversionId": response.json()["conversionId"], "duplicate": False}
    (row,) = kept(api.application.database)
    assert row.conversion_id == response.json()["conversionId"]
    assert (row.handle, row.slug, row.click_id, row.clicked_at) == ("acme", "launch", "click-1==", NOW)
    assert (row.session_id, row.position, row.consent) == ("s1", 2, "denied")
    assert (row.event_type, row.value_e4, row.currency, row.at, row.carried) == ("purchase", 999_900, "USD", NOW, False)
    assert outcomes(api.application.database) == {("acme", "accepted"): 1}


def test_where_a_conversion_is_on_its_way_from_the_post_to_its_click(api: Api, tmp_path: Path) -> None:
    """It is never said to be counted before it is."""
    clicked, other = Request(1, at=NOW - timedelta(minutes=1)), Request(2, at=NOW - timedelta(minutes=2))
    log = write(tmp_path / "logs" / "a.gz", realtime_text([other]))

    def told() -> tuple[int, int, int]:
        funnel = api.get("/v2/handles/acme/analytics", funnel="true").json()["funnel"]
        posts = funnel["posts"]
        return funnel["stages"][2]["count"], posts["accepted"], posts["clickNotYetSeen"]

    assert post(api, conversion(ctx(api.application.settings, clicked.at, click_id=clicked.id))).status_code == 201
    assert told() == (0, 0, 1)
    api.world.sync(log)
    assert told() == (1, 0, 1)
    api.world.sync(write(tmp_path / "logs" / "b.gz", realtime_text([clicked])))
    assert told() == (1, 1, 0)


@pytest.mark.parametrize("hours_off", [-24 * 5, -25, 0, 24 * 5])
@pytest.mark.parametrize("first", ["click", "conversion"])
def test_a_ctx_whose_time_is_days_off_its_click_ends_in_one_outcome_whatever_comes_first(
    api: Api, tmp_path: Path, hours_off: int, first: str
) -> None:
    """It names no click of the log. A day off at most is a clock's difference."""
    clicked = Request(1, at=NOW - timedelta(days=6))
    world = api.world
    world.environment = {**world.environment, "CLICKLEDGER_CTX_TTL_MINUTES": str(20 * 24 * 60)}
    token = ctx(world.settings, clicked.time + timedelta(hours=hours_off), click_id=clicked.id)
    log = write(tmp_path / "logs" / "a.gz", realtime_text([clicked]))
    other = write(tmp_path / "logs" / "b.gz", realtime_text([Request(2)]))

    world.sync(log if first == "click" else other)
    assert post(api, conversion(token)).status_code == 201
    world.sync(other if first == "click" else log)
    world.sync(tmp_path / "logs")

    told = api.get("/v2/handles/acme/analytics", groupBy="country", funnel="true").json()
    posts = told["funnel"]["posts"]
    names_it = abs(hours_off) < 48
    assert (posts["accepted"], posts["clickNotYetSeen"]) == ((1, 0) if names_it else (0, 1))
    assert {row["key"]: row["conversions"] for row in told["rows"] if row["conversions"]} == {
        "DE" if names_it else "(pending)": 1
    }
    assert all(check["holds"] for check in world.run_json("verify", "--json"))


def test_a_replay_gets_the_first_answer_even_after_the_ctx_has_expired(api: Api, token: str) -> None:
    first = post(api, conversion(token)).json()["conversionId"]
    old = ctx(api.application.settings, long_ago(NOW))

    again = post(api, conversion(token))
    late = post(api, conversion(old))
    other = post(api, conversion(token, value=1))

    assert [one.status_code for one in (again, late, other)] == [200] * 3
    assert [one.json() for one in (again, late, other)] == [{"conversionId": first, "duplicate": True}] * 3
    assert [row.value_e4 for row in kept(api.application.database)] == [999_900]
    assert outcomes(api.application.database) == {
        ("acme", "accepted"): 1,
        ("acme", "duplicate"): 2,
        ("acme", "key_reused"): 1,
    }


def test_what_a_number_is_written_like_does_not_make_it_other_content(api: Api, token: str) -> None:
    body = json.dumps(conversion(token)).encode()

    for spelling in (b"99.99", b"99.9900", b"9999e-2", b"9.999E1"):
        post(api, body.replace(b"99.99", spelling))

    assert outcomes(api.application.database) == {("acme", "accepted"): 1, ("acme", "duplicate"): 3}


def test_an_expired_ctx_with_a_new_key_is_refused(api: Api) -> None:
    response = post(api, conversion(ctx(api.application.settings, long_ago(NOW))))

    assert (response.status_code, response.json()["error"]) == (400, "invalid_ctx")
    assert "expired" in response.json()["message"]
    assert outcomes(api.application.database) == {("acme", "expired"): 1}


def test_a_replay_with_an_expired_ctx_that_nobody_signed_is_refused(api: Api, token: str) -> None:
    post(api, conversion(token))
    claims = jwt.decode(ctx(api.application.settings, long_ago(NOW)), options={"verify_signature": False})
    forged = jwt.encode(claims, "x" * 32, "HS256", headers={"typ": "ctx+jwt"})

    response = post(api, conversion(forged))

    assert response.json()["error"] == "invalid_ctx"
    assert outcomes(api.application.database) == {("acme", "accepted"): 1, ("acme", "bad_signature"): 1}


def test_one_key_of_two_handles_counts_twice(api: Api, token: str) -> None:
    post(api, conversion(token))

    response = post(api, conversion(ctx(api.application.settings, NOW, handle="zed")))

    assert response.status_code == 201
    assert sorted(row.handle for row in kept(api.application.database)) == ["acme", "zed"]


@pytest.mark.parametrize(
    ("fields", "value_e4", "currency"),
    [
        ({}, 999_900, "USD"),
        ({"currency": "eur"}, 999_900, "EUR"),
        ({"value": ..., "currency": ...}, 0, None),
        ({"value": 0, "currency": None}, 0, None),
        ({"value": 0, "currency": "JPY"}, 0, "JPY"),
        ({"value": 0.0001}, 1, "USD"),
        ({"value": 1e12}, 10**16, "USD"),
        ({"value": 10**12}, 10**16, "USD"),
        ({"sentAt": "2026-03-12", "value": 1}, 10_000, "USD"),
        ({"idempotencyKey": "k" * 255, "eventType": "e" * 64}, 999_900, "USD"),
        ({"eventType": "Käufe 🛒"}, 999_900, "USD"),
    ],
)
def test_good_fields(api: Api, token: str, fields: dict[str, Any], value_e4: int, currency: str | None) -> None:
    assert post(api, conversion(token, **fields)).status_code == 201
    (row,) = kept(api.application.database)
    assert (row.value_e4, row.currency) == (value_e4, currency)


def test_money_keeps_digits_that_no_float_holds(api: Api, token: str) -> None:
    body = json.dumps(conversion(token)).encode().replace(b"99.99", b"999999999999.9999")

    assert post(api, body).status_code == 201
    assert kept(api.application.database)[0].value_e4 == 9_999_999_999_999_999


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"ctx": ...}, "ctx"),
        ({"ctx": None}, "ctx"),
        ({"ctx": 7}, "ctx"),
        ({"eventType": ...}, "eventType"),
        ({"eventType": ""}, "eventType"),
        ({"eventType": " "}, "eventType"),
        ({"eventType": "e" * 65}, "eventType"),
        ({"eventType": "a\0b"}, "eventType"),
        ({"eventType": ["purchase"]}, "eventType"),
        ({"idempotencyKey": ...}, "idempotencyKey"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({"idempotencyKey": "k" * 256}, "idempotencyKey"),
        ({"idempotencyKey": "a\nb"}, "idempotencyKey"),
        ({"idempotencyKey": "\ud800"}, "idempotencyKey"),
        ({"idempotencyKey": 12}, "idempotencyKey"),
        ({"value": "99.99"}, "value"),
        ({"value": True}, "value"),
        ({"value": None}, "value"),
        ({"value": -0.01}, "value"),
        ({"value": 1e12 + 1}, "value"),
        ({"value": 1e300}, "value"),
        ({"value": 0.00001}, "value"),
        ({"value": [1]}, "value"),
        ({"currency": ...}, "currency"),
        ({"currency": None}, "currency"),
        ({"currency": ""}, "currency"),
        ({"currency": "US"}, "currency"),
        ({"currency": "ZZZ"}, "currency"),
        ({"currency": 840}, "currency"),
        ({"currency": "EURO", "value": 0}, "currency"),
    ],
)
def test_a_wrong_field_is_named(api: Api, token: str, fields: dict[str, Any], named: str) -> None:
    response = post(api, conversion(token, **fields))

    assert (response.status_code, response.json()["error"]) == (400, "invalid_conversion")
    message = response.json()["message"]
    assert message.startswith(f"{named} "), "the subject first"
    if named != "ctx":  # a token is told to nobody
        assert any(said in message for said in ("; got ", "; it is missing.", " is required "))
    assert kept(api.application.database) == []
    handle = "" if named == "ctx" else "acme"
    assert outcomes(api.application.database) == {(handle, "invalid_field"): 1}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"eventType": ...}, "eventType must be a string of 1 to 64 characters; it is missing."),
        ({"idempotencyKey": 12}, "idempotencyKey must be a string of 1 to 255 characters; got 12."),
        ({"value": "99.99"}, "value must be a JSON number from 0 to 1,000,000,000,000; got '99.99'."),
        ({"value": None}, "value must be a JSON number from 0 to 1,000,000,000,000; got null."),
        ({"value": 0.00001}, "value must have at most 4 decimals; got 0.00001."),
        ({"currency": "ZZZ"}, "currency must be an ISO 4217 code such as USD; got 'ZZZ'."),
        ({"eventType": "e" * 99}, f"eventType must be a string of 1 to 64 characters; got '{'e' * 79}…."),
    ],
)
def test_a_refusal_says_what_would_be_right_and_what_was_got(
    api: Api, token: str, fields: dict[str, Any], sentence: str
) -> None:
    assert post(api, conversion(token, **fields)).json()["message"] == sentence


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[" * 900 + b"]" * 900, b"null", b"[]", b'"text"', b"\xff\xfe", b"[" * 10_000, b"a=1&b=2"),
        *(b'{"value": ' + number + b"}" for number in (b"NaN", b"Infinity", b"1e99999999999999999999", b"9" * 5_000)),
    ],
)
def test_what_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    response = post(api, body)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_conversion")
    assert outcomes(api.application.database) == {("", "invalid_field"): 1}


@pytest.mark.parametrize("number", [b"1.00000000000000000000000000000000000001", b"0.99995e0", b"1e-400", b"-1e-400"])
def test_a_number_that_is_almost_good_is_not_rounded(api: Api, token: str, number: bytes) -> None:
    response = post(api, json.dumps(conversion(token)).encode().replace(b"99.99", number))

    assert response.json()["error"] == "invalid_conversion"
    assert "value" in response.json()["message"]


@pytest.mark.parametrize("made", ["nonsense", "", "a.b.c", "forged", "of a user", "of tomorrow"])
def test_a_ctx_that_proves_nothing_is_refused(api: Api, token: str, made: str) -> None:
    claims = jwt.decode(token, options={"verify_signature": False})
    if made == "forged":
        made = jwt.encode(claims | {"h": "nobody"}, "x" * 32, "HS256", headers={"typ": "ctx+jwt"})
    elif made == "of a user":
        made = api.token()
    elif made == "of tomorrow":
        claims |= {"iat": claims["iat"] + 86_400, "exp": claims["exp"] + 86_400}
        made = jwt.encode(claims, api.application.settings.ctx_keys[0], "HS256", headers={"typ": "ctx+jwt"})

    response = post(api, conversion(made))

    assert (response.status_code, response.json()["error"]) == (400, "invalid_ctx")
    handle = "acme" if made.count(".") == 2 and claims_of(made).get("h") == "acme" else ""
    assert outcomes(api.application.database) == {(handle, "bad_signature"): 1}


def claims_of(token: str) -> dict[str, Any]:
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}


def test_a_body_of_more_than_16_kib_is_413_whether_it_says_so_or_not(api: Api, token: str) -> None:
    fits = json.dumps(conversion(token)).encode()
    fits = fits[:-1] + b" " * (16 * 1024 - len(fits)) + b"}"

    assert post(api, fits).status_code == 201
    for body in (fits + b" ", (piece for piece in (fits, b" "))):
        response = api.client.post(DOOR, content=body)
        assert (response.status_code, response.json()["error"]) == (413, "payload_too_large")
    assert outcomes(api.application.database) == {("acme", "accepted"): 1, ("", "invalid_field"): 2}


@pytest.mark.parametrize("size", [65 * 1024, 200 * 1024])
def test_a_body_larger_than_any_route_takes_is_counted_too(api: Api, token: str, size: int) -> None:
    response = post(api, b" " * size)

    assert (response.status_code, response.json()["error"]) == (413, "payload_too_large")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert outcomes(api.application.database) == {("", "invalid_field"): 1}


def test_120_an_hour_and_then_429_with_the_time_to_wait(api: Api, token: str) -> None:
    statuses = [post(api, conversion(token, str(number))).status_code for number in range(120)]
    refused = post(api, conversion(token, "one more"))

    assert statuses == [201] * 120
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert post(api, conversion(token, "one more"), "203.0.113.2").status_code == 201
    assert outcomes(api.application.database) == {("acme", "accepted"): 121, ("acme", "rate_limited"): 1}


def test_an_address_before_the_trusted_proxy_does_not_escape_the_limit(api: Api, token: str) -> None:
    spoofed = [
        post(api, conversion(token, str(number)), f"198.51.100.{number}, 203.0.113.9").status_code
        for number in range(121)
    ]

    assert spoofed == [201] * 120 + [429]


def test_ipv6_is_limited_by_its_64_bits(api: Api, token: str) -> None:
    statuses = [post(api, conversion(token, str(number)), f"2001:db8::{number:x}").status_code for number in range(121)]

    assert statuses == [201] * 120 + [429]
    assert post(api, conversion(token, "next door"), "2001:db8:0:1::1").status_code == 201


def test_any_page_may_post(api: Api, token: str) -> None:
    origin = {"Origin": "https://shop.example"}
    asked = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}

    preflight = api.client.options(DOOR, headers=asked)
    good = api.client.post(DOOR, json=conversion(token), headers=origin)
    bad = api.client.post(DOOR, content=b"{", headers=origin)
    beacon = api.client.post(
        DOOR, content=json.dumps(conversion(token)), headers=origin | {"Content-Type": "text/plain"}
    )

    assert preflight.status_code == 200
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type"
    assert [one.status_code for one in (good, bad, beacon)] == [201, 400, 200]
    assert {one.headers["Access-Control-Allow-Origin"] for one in (preflight, good, bad, beacon)} == {"*"}
    assert all(one.headers["X-Request-Id"] for one in (preflight, good, bad, beacon))
    assert "Access-Control-Allow-Origin" not in api.client.get("/healthz", headers=origin).headers


def test_a_failure_of_ours_is_readable_by_the_page_too(api: Api, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(api.application.conversions), "read", lambda *_: 1 / 0)

    response = api.client.post(DOOR, json=conversion(token), headers={"Origin": "https://shop.example"})

    assert (response.status_code, response.json()["error"]) == (500, "internal_error")
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_database_that_does_not_answer_is_503_and_the_retry_counts_once(api: Api, token: str) -> None:
    post(api, conversion(token, "before"))
    api.application.writer.close()
    place = api.world.folder / "var" / "clickledger.sqlite"
    moved = [(file, file.with_name(f"away-{file.name}")) for file in place.parent.glob("clickledger.sqlite*")]
    for file, away in moved:
        file.rename(away)
    place.mkdir()

    refused = post(api, conversion(token))
    place.rmdir()
    for file, away in moved:
        away.rename(file)

    assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")
    assert [post(api, conversion(token)).status_code for _ in range(2)] == [201, 200]
    assert len(kept(api.application.database)) == 2
