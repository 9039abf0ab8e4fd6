"""The API as its users know it: conversions and signals are posted until they are answered, questions are asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

import httpx2 as httpx

from soak.traffic import Request, Traffic, hosts

_LIFE: Final = timedelta(days=90)
_CURRENCIES: Final = ("USD", "EUR", "NPR")


class Client(Protocol):
    """An HTTP client with the address of the API."""

    def post(self, url: str, *, json: Any, headers: Mapping[str, str]) -> httpx.Response: ...

    def get(self, url: str, *, params: Mapping[str, str], headers: Mapping[str, str]) -> httpx.Response: ...


@dataclass(frozen=True, slots=True)
class Sale:
    """A conversion that the API has answered for: it counts, once."""

    handle: str
    clicked_at: datetime
    value: Decimal
    currency: str


@dataclass(slots=True)
class Visitors:
    """Who posts. `signals`: handle to [answered, sent]: a signal has no key, so one that died unanswered may count."""

    client: Client
    secret: str
    chance: random.Random
    sales: list[Sale] = field(default_factory=list[Sale])
    signals: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    wrong: list[str] = field(default_factory=list[str])
    _posts: int = 0

    def post(self, traffic: Traffic, conversions: int) -> None:
        """So many conversions, each answered in the end; one in five is sent again, one in five brings a signal."""
        for _ in range(conversions):
            click = traffic.click()
            handle = hosts().get(click.host.lower().removesuffix("."))
            if handle is None or len(click.path) < 5:
                continue
            self._posts += 1
            token = _ctx(click, handle, self.secret)
            self._convert(token, handle, click.at)
            if self.chance.random() < 0.2:
                self._signal(token, handle)

    def _convert(self, token: str, handle: str, clicked_at: datetime) -> None:
        value, currency = Decimal(self.chance.randrange(1, 10**7)) / 100, self.chance.choice(_CURRENCIES)
        body = {
            "ctx": token,
            "eventType": "purchase",
            "idempotencyKey": f"order-{self._posts}",
            "value": float(value),
            "currency": currency,
        }
        first = self._send("/v2/public/conversions", body)
        self.sales.append(Sale(handle, clicked_at, value, currency))
        if self.chance.random() < 0.2:
            again = self._send("/v2/public/conversions", body)
            if (again["conversionId"], again["duplicate"]) != (first["conversionId"], True):
                self.wrong.append(f"order-{self._posts}, sent again: {again} after {first}")

    def _signal(self, token: str, handle: str) -> None:
        counts = self.signals.setdefault(handle, [0, 0])
        body = {
            "ctx": token,
            "sessionId": f"sig_{handle}_{self._posts}_x",
            "signalKey": "intent",
            "signalValue": "pricing",
            "confidence": 0.75,
        }
        self._send("/v2/public/chain/signals", body, sent=counts)
        counts[0] += 1

    def _send(self, path: str, body: Mapping[str, Any], sent: list[int] | None = None) -> Any:
        """The answer, however often the server dies or its store is away. `sent` counts attempts."""
        headers = {"X-Forwarded-For": f"198.51.{self._posts // 250 % 250}.{self._posts % 250}"}
        while True:
            if sent is not None:
                sent[1] += 1
            try:
                response = self.client.post(path, json=body, headers=headers)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if response.status_code in (200, 201):
                return response.json()
            if response.status_code != 503:
                self.wrong.append(f"POST {path}: {response.status_code} {response.text[:200]}")
                return {"conversionId": None, "duplicate": None}
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks the API with a reviewer's token."""

    client: Client
    token: str

    def ask(self, handle: str, **parameters: str) -> tuple[int, Any]:
        """(status, answer); numbers of money with every digit."""
        response = self.client.get(
            f"/v2/handles/{handle}/analytics", params=parameters, headers={"Authorization": f"Bearer {self.token}"}
        )
        return response.status_code, json.loads(response.content, parse_float=Decimal)


def _ctx(click: Request, handle: str, secret: str) -> str:
    """The token that the edge appends to a destination: a JWT of its own type (HS256)."""
    clicked = int(click.at.timestamp())
    claims = {"h": handle, "s": click.path[1:], "jti": click.id, "iat": clicked, "consent": "full"}
    claims["exp"] = clicked + int(_LIFE.total_seconds())
    signed = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "ctx+jwt"}, claims))
    return f"{signed}.{_base64(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
