"""An OpenID Connect issuer over HTTP: it signs in whoever it was told to, with real signatures and the code flow."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "clickledger", "a-secret-of-the-client"


class Issuer:
    """`claims` are those of the person who signs in next; `seconds` is how long the identity token lasts."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.claims: dict[str, Any] = {"sub": "user_ann"}
        self.seconds = 3600.0
        self.nonces: dict[str, str] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def secrets(self, base: str) -> str:
        """The secrets.toml of a dashboard at `base`."""
        return f"""[auth]
redirect_uri = "{base}/oauth2callback"
cookie_secret = "{"c" * 48}"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "{self.url}/.well-known/openid-configuration"
"""

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks.json",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def identity_token(self, code: str) -> str:
        now = time.time()
        own = {"iss": self.url, "aud": CLIENT_ID, "iat": int(now), "exp": int(now + self.seconds)}
        claims = own | {"nonce": self.nonces.pop(code)} | self.claims
        return jwt.encode(claims, self.key, "RS256", headers={"kid": "one"})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place = urlsplit(self.path)
                if place.path == "/authorize":
                    asked = {name: values[0] for name, values in parse_qs(place.query).items()}
                    code = f"code-{len(issuer.nonces)}"
                    issuer.nonces[code] = asked["nonce"]
                    self.send_response(302)
                    back = urlencode({"code": code, "state": asked["state"]})
                    self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                    self.end_headers()
                elif place.path == "/jwks.json":
                    published = RSAAlgorithm.to_jwk(issuer.key.public_key(), as_dict=True)
                    self.answer({"keys": [published | {"kid": "one", "use": "sig", "alg": "RS256"}]})
                else:
                    self.answer(issuer.metadata())

            def do_POST(self) -> None:
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                token = issuer.identity_token(body["code"][0])
                self.answer({"access_token": "opaque", "token_type": "Bearer", "id_token": token})

            def answer(self, body: dict[str, Any]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                return

        return Handler


@contextmanager
def running() -> Iterator[Issuer]:
    issuer = Issuer()
    threading.Thread(target=issuer.server.serve_forever, daemon=True).start()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()
