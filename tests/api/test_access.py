"""Who gets in: roles, plans, staff, and every way to forge a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from support.api import NOW, Api
from support.world import World

from analytics_core.access import key_set, user_tokens
from analytics_core.errors import ClickledgerError, InvalidTokenError, StoreUnavailableError
from analytics_core.settings import Settings

DAYS = {"fromDay": "20260301", "toDay": "20260312"}


def test_a_manifest_opens_to_those_who_may_export_that_handle(api: Api) -> None:
    made = api.get("/v2/handles/pro/analytics/export", "user_owner", groupBy="slug", format="csv", **DAYS)
    manifest = made.headers["X-Export-Manifest"]

    own = api.get(f"/v2/handles/pro/analytics/exports/{manifest}", "user_creator")
    other = api.get(f"/v2/handles/enterprise/analytics/exports/{manifest}", "user_owner")
    stranger = api.get(f"/v2/handles/pro/analytics/exports/{manifest}", "user_ann")

    assert own.json()["createdBy"] == "user_owner"
    assert (other.status_code, other.json()["error"]) == (404, "not_found")
    assert (stranger.status_code, stranger.json()["error"]) == (404, "handle_not_found")


def forged(api: Api) -> dict[str, tuple[str | None, str]]:
    secret = api.application.settings.jwt_secret
    assert secret is not None
    claims = {"sub": "user_ann", "exp": NOW + timedelta(hours=1)}

    def signed(key: str = secret.get_secret_value(), **headers: Any) -> str:
        return jwt.encode(claims, key, "HS256", headers=headers or None)

    head, body, signature = api.token().split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    wider = base64.urlsafe_b64encode(json.dumps({"sub": "user_ann", "role": "STAFF", "exp": 9e9}).encode()).decode()
    return {
        "no header": (None, "missing_bearer_token"),
        "basic": ("Basic dXNlcjpwYXNz", "missing_bearer_token"),
        "empty": ("Bearer ", "missing_bearer_token"),
        "rubbish": ("Bearer rubbish", "invalid_token"),
        "personal access token": ("Bearer patv1_abc.def", "invalid_token"),
        "alg none": (f"Bearer {none}.{body}.", "invalid_token"),
        "alg none, signed": (f"Bearer {none}.{body}.{signature}", "invalid_token"),
        "other secret": (f"Bearer {signed('x' * 48)}", "invalid_token"),
        "changed claims": (f"Bearer {head}.{wider.rstrip('=')}.{signature}", "invalid_token"),
        "another purpose": (f"Bearer {signed(typ='ctx+jwt')}", "invalid_token"),
        "expired": (f"Bearer {api.token(exp=NOW - timedelta(minutes=5))}", "token_expired"),
        "no expiry": (f"Bearer {api.token(exp=None)}", "invalid_token"),
        "no subject": (f"Bearer {api.token(sub=None)}", "invalid_token"),
        "empty subject": (f"Bearer {api.token(sub='')}", "invalid_token"),
        "subject that is no text": (f"Bearer {api.token(sub=7)}", "invalid_token"),
        "not valid yet": (f"Bearer {api.token(nbf=NOW + timedelta(minutes=5))}", "invalid_token"),
        "made in the future": (f"Bearer {api.token(iat=NOW + timedelta(minutes=5))}", "invalid_token"),
        "made at no time": (f"Bearer {api.token(iat='now')}", "invalid_token"),
        "expiry that is no time": (f"Bearer {api.token(exp='tomorrow')}", "invalid_token"),
        "expiry beyond all time": (f"Bearer {api.token(exp=10**18)}", "invalid_token"),
        "key id that is a file": (f"Bearer {hs256_with(b'', {'kid': '../../../../dev/null'})}", "invalid_token"),
        "key id that is a query": (f"Bearer {signed('x' * 48, kid=chr(39) + ' OR 1=1 --')}", "invalid_token"),
        "key of its own": (f"Bearer {own_key(claims)}", "invalid_token"),
        "critical header": (f"Bearer {signed(crit=['b64'])}", "invalid_token"),
        "bytes that are no text": ("Bearer \xff\xfe.\xff.\xff", "invalid_token"),
    }


def own_key(claims: dict[str, object]) -> str:
    """Brings the key that it is signed with, in its header."""
    key = rsa.generate_private_key(65537, 2048)
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.encode(claims, key, "RS256", headers={"jwk": jwk, "jku": "https://evil.example/jwks.json"})


@pytest.mark.parametrize(
    "name",
    [
        *("no header", "basic", "empty", "rubbish", "personal access token", "alg none", "alg none, signed"),
        *("other secret", "changed claims", "another purpose", "expired", "no expiry", "no subject"),
        *("empty subject", "subject that is no text", "not valid yet", "expiry that is no time"),
        *("made in the future", "made at no time"),
        *("expiry beyond all time", "key id that is a file", "key id that is a query", "key of its own"),
        *("critical header", "bytes that are no text"),
    ],
)
def test_a_token_that_proves_nobody_is_refused(api: Api, name: str) -> None:
    header, code = forged(api)[name]

    response = api.client.get(
        "/v2/handles/acme/analytics",
        params={"groupBy": "day"},
        headers={} if header is None else {b"Authorization": header.encode("latin-1")},
    )

    assert (response.status_code, response.json()["error"]) == (401, code)
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_may_last_until_the_end_of_all_times(api: Api) -> None:
    token = api.token(exp=253_402_300_799)  # the last second of 9999
    headers = {"Authorization": f"Bearer {token}"}
    assert api.client.get("/v2/handles/acme/analytics", params={"groupBy": "day"}, headers=headers).status_code == 200


def test_the_command_line_mints_tokens_that_the_api_takes(api: Api) -> None:
    plain, staff = api.world.run_token("user_zoe"), api.world.run_token("user_zoe", "--staff", "--minutes", "5")

    actors = [user_tokens.verify(token, api.application.settings, datetime.now(UTC)) for token in (plain, staff)]
    assert [(actor.user_id, actor.is_staff) for actor in actors] == [("user_zoe", False), ("user_zoe", True)]


class SignInService:
    """Publishes a key set over HTTP, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "RS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }
        self.published = [self.jwk(name, key) for name, key in self.keys.items()]
        self.asked = 0
        self.is_well = True
        self.answer: bytes | None = None  # in place of the keys
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked += 1
                self.send_response(200 if service.is_well else 500)
                self.end_headers()
                self.wfile.write(service.answer or json.dumps({"keys": service.published}).encode())

            def log_message(self, *_: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    def jwk(self, name: str, key: Any, algorithm: str | None = None) -> dict[str, Any]:
        algorithm = algorithm or name
        makers = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        made = makers[algorithm].to_jwk(key.public_key(), as_dict=True)
        return made | {"kid": name, "use": "sig", "alg": algorithm}


@pytest.fixture
def service() -> Iterator[SignInService]:
    """A sign-in service with an RSA, an EC and an Ed25519 key."""
    made = SignInService()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


CLAIMS = {"sub": "user_ann", "exp": NOW + timedelta(hours=1), "iss": "https://id.example", "aud": "clickledger"}


def settings_for(service: SignInService, folder: Path) -> Settings:
    return World(folder).settings.model_copy(
        update={"jwks_url": service.url, "jwt_issuer": "https://id.example", "jwt_audience": "clickledger"}
    )


def test_a_key_set_verifies_its_own_keys_and_no_confusion(service: SignInService, tmp_path: Path) -> None:
    settings = settings_for(service, tmp_path)
    for name, key in service.keys.items():
        token = jwt.encode(CLAIMS, key, name, headers={"kid": name})
        assert user_tokens.verify(token, settings, NOW).user_id == "user_ann"
    assert service.asked == 1

    rsa_key = service.keys["RS256"]
    public_pem = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    secret = settings.jwt_secret
    assert secret is not None
    wrong = {
        "issuer": jwt.encode(CLAIMS | {"iss": "https://evil.example"}, rsa_key, "RS256", headers={"kid": "RS256"}),
        "audience": jwt.encode(CLAIMS | {"aud": "other"}, rsa_key, "RS256", headers={"kid": "RS256"}),
        "no issuer": jwt.encode({"sub": "u", "exp": CLAIMS["exp"]}, rsa_key, "RS256", headers={"kid": "RS256"}),
        "unknown key": jwt.encode(CLAIMS, rsa_key, "RS256", headers={"kid": "unknown"}),
        "no key id": jwt.encode(CLAIMS, rsa_key, "RS256"),
        "another key's id": jwt.encode(CLAIMS, rsa_key, "RS256", headers={"kid": "ES256"}),
        "secret": jwt.encode(CLAIMS, "s" * 64, "HS256", headers={"kid": "RS256"}),
        "our own secret": jwt.encode(CLAIMS, secret.get_secret_value(), "HS256", headers={"kid": "RS256"}),
        "public key as secret": hs256_with(public_pem, {"kid": "RS256"}),
        "none": jwt.encode(CLAIMS, None, "none", headers={"kid": "RS256"}),
    }
    for name, token in wrong.items():
        with pytest.raises(InvalidTokenError):
            pytest.fail(f"{name}: {user_tokens.verify(token, settings, NOW)}")


def hs256_with(key: bytes, headers: dict[str, str]) -> str:
    """By hand: the library refuses to sign with what looks like a public key."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    claims = CLAIMS | {"exp": int((NOW + timedelta(hours=1)).timestamp())}
    head = json.dumps({"alg": "HS256", "typ": "JWT"} | headers).encode()
    signed = f"{part(head)}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def test_a_key_set_is_asked_again_for_a_new_key_but_not_for_every_made_up_one(
    service: SignInService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(service, tmp_path)
    new = ed25519.Ed25519PrivateKey.generate()
    old_token = jwt.encode(CLAIMS, service.keys["EdDSA"], "EdDSA", headers={"kid": "EdDSA"})
    new_token = jwt.encode(CLAIMS, new, "EdDSA", headers={"kid": "next"})
    assert user_tokens.verify(old_token, settings, NOW).user_id == "user_ann"
    for number in range(50):
        with pytest.raises(InvalidTokenError):
            user_tokens.verify(jwt.encode(CLAIMS, new, "EdDSA", headers={"kid": f"made-up-{number}"}), settings, NOW)
    assert service.asked == 1

    service.published = [service.jwk("next", new, "EdDSA")]
    later = time.monotonic() + key_set.COOLDOWN_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert user_tokens.verify(new_token, settings, NOW).user_id == "user_ann"
    assert service.asked == 2
    with pytest.raises(InvalidTokenError):  # withdrawn
        user_tokens.verify(old_token, settings, NOW)


def test_a_key_set_that_does_not_answer_is_503_and_is_left_alone_for_a_while(
    service: SignInService, tmp_path: Path
) -> None:
    service.is_well = False
    settings = settings_for(service, tmp_path)
    token = jwt.encode(CLAIMS, service.keys["EdDSA"], "EdDSA", headers={"kid": "EdDSA"})
    for _ in range(20):
        with pytest.raises(StoreUnavailableError):
            user_tokens.verify(token, settings, NOW)
    assert service.asked == 1


@pytest.mark.parametrize(
    "answer",
    [b'{"keys": []}', b'{"keys": null}', b"{}", b"[]", b"<html>", b'{"keys": [{"kty": "RSA", "kid": "EdDSA"}]}'],
)
def test_a_key_set_without_a_usable_key_is_as_one_that_does_not_answer(
    service: SignInService, tmp_path: Path, answer: bytes
) -> None:
    service.answer = answer
    settings = settings_for(service, tmp_path)
    token = jwt.encode(CLAIMS, service.keys["EdDSA"], "EdDSA", headers={"kid": "EdDSA"})
    for _ in range(20):
        with pytest.raises(StoreUnavailableError):
            user_tokens.verify(token, settings, NOW)
    assert service.asked == 1


def test_issuer_and_audience_count_for_a_secret_too(tmp_path: Path) -> None:
    settings = World(tmp_path).settings.model_copy(update={"jwt_issuer": "us", "jwt_audience": "clickledger"})
    secret = settings.jwt_secret
    assert secret is not None
    own = user_tokens.mint(settings, "user_ann", now=NOW, lifetime=timedelta(minutes=5))
    bare = jwt.encode({"sub": "user_ann", "exp": NOW + timedelta(hours=1)}, secret.get_secret_value(), "HS256")

    assert user_tokens.verify(own, settings, NOW).user_id == "user_ann"
    with pytest.raises(ClickledgerError):
        user_tokens.verify(bare, settings, NOW)
