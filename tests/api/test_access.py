"""Who gets in: roles, plans, staff, and every way to forge a token."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from support.api import NOW, PLANS, ROLES, Api
from support.world import World

from analytics_core.access import tokens
from analytics_core.errors import ClickledgerError, InvalidTokenError

DAYS = {"fromDay": "20260301", "toDay": "20260312"}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("user", [*(f"user_{role.lower()}" for role in ROLES), "staff", "user_eve"])
def test_role_and_plan_open_the_routes(api: Api, plan: str, user: str) -> None:
    base = f"/v2/handles/{plan.lower()}/analytics"
    read = api.get(base, user, groupBy="day", **DAYS)
    export = api.get(f"{base}/export", user, groupBy="day", format="csv", **DAYS)

    if user == "user_eve":
        assert (read.status_code, export.status_code) == (404, 404)
        return
    assert read.status_code == 200
    if plan == "FREE":
        assert export.status_code == 403
        body = export.json()
        assert (body["error"], body["feature"], body["requiredPlan"]) == ("feature_locked", "exports", "PRO")
    else:
        assert export.status_code == 200


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

    def signed(key: str = secret.get_secret_value(), **headers: str) -> str:
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
    }


@pytest.mark.parametrize(
    "name",
    [
        *("no header", "basic", "empty", "rubbish", "personal access token", "alg none", "alg none, signed"),
        *("other secret", "changed claims", "another purpose", "expired", "no expiry", "no subject"),
    ],
)
def test_a_token_that_proves_nobody_is_refused(api: Api, name: str) -> None:
    header, code = forged(api)[name]

    response = api.client.get(
        "/v2/handles/acme/analytics",
        params={"groupBy": "day"},
        headers={} if header is None else {"Authorization": header},
    )

    assert (response.status_code, response.json()["error"]) == (401, code)
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_command_line_mints_tokens_that_the_api_takes(api: Api) -> None:
    plain, staff = api.world.run_token("user_zoe"), api.world.run_token("user_zoe", "--staff", "--minutes", "5")

    actors = [tokens.verify(token, api.application.settings, NOW) for token in (plain, staff)]
    assert [(actor.user_id, actor.is_staff) for actor in actors] == [("user_zoe", False), ("user_zoe", True)]


@pytest.fixture
def key_set() -> Iterator[tuple[str, dict[str, object]]]:
    """A sign-in service that publishes an RSA, an EC and an Ed25519 key."""
    keys = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    makers = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    published = {
        "keys": [
            makers[name].to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig", "alg": name}
            for name, key in keys.items()
        ]
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(published).encode())

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json", dict(keys)
    server.shutdown()
    server.server_close()


def test_a_key_set_verifies_its_own_keys_and_no_confusion(
    key_set: tuple[str, dict[str, object]], tmp_path: Path
) -> None:
    url, keys = key_set
    settings = World(tmp_path).settings.model_copy(
        update={"jwks_url": url, "jwt_issuer": "https://id.example", "jwt_audience": "clickledger"}
    )
    claims = {"sub": "user_ann", "exp": NOW + timedelta(hours=1), "iss": "https://id.example", "aud": "clickledger"}
    for name, key in keys.items():
        token = jwt.encode(claims, key, name, headers={"kid": name})  # type: ignore[arg-type]
        assert tokens.verify(token, settings, NOW).user_id == "user_ann"

    rsa_key = keys["RS256"]
    assert isinstance(rsa_key, rsa.RSAPrivateKey)
    wrong = [
        jwt.encode(claims | {"iss": "https://evil.example"}, rsa_key, "RS256", headers={"kid": "RS256"}),
        jwt.encode(claims | {"aud": "other"}, rsa_key, "RS256", headers={"kid": "RS256"}),
        jwt.encode({"sub": "u", "exp": claims["exp"]}, rsa_key, "RS256", headers={"kid": "RS256"}),
        jwt.encode(claims, rsa_key, "RS256", headers={"kid": "unknown"}),
        jwt.encode(claims, "s" * 64, "HS256", headers={"kid": "RS256"}),
    ]
    for token in wrong:
        with pytest.raises(InvalidTokenError):
            tokens.verify(token, settings, NOW)


def test_issuer_and_audience_count_for_a_secret_too(tmp_path: Path) -> None:
    settings = World(tmp_path).settings.model_copy(update={"jwt_issuer": "us", "jwt_audience": "clickledger"})
    secret = settings.jwt_secret
    assert secret is not None
    own = tokens.mint(settings, "user_ann", now=NOW, lifetime=timedelta(minutes=5))
    bare = jwt.encode({"sub": "user_ann", "exp": NOW + timedelta(hours=1)}, secret.get_secret_value(), "HS256")

    assert tokens.verify(own, settings, NOW).user_id == "user_ann"
    with pytest.raises(ClickledgerError):
        tokens.verify(bare, settings, NOW)
