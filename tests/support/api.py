"""The API of a small world, asked as a collaborator, as staff or as nobody."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx
import jwt
from starlette.testclient import TestClient

from analytics_core.access import user_tokens
from analytics_core.bootstrap import Application
from support.world import ACCOUNTS, World

PLANS = ("FREE", "PRO", "ENTERPRISE")
ROLES = ("CREATOR", "OPERATOR", "OWNER")
NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)


def accounts() -> dict[str, Any]:
    """One handle a plan, each with a collaborator of every role, and `acme`."""
    people = [{"userId": f"user_{role.lower()}", "role": role} for role in ROLES]
    handles = [
        {"handle": plan.lower(), "plan": plan, "planSince": "2026-01-01T00:00:00Z", "collaborators": people}
        for plan in PLANS
    ]
    downgraded = {**handles[1], "handle": "downgraded"}  # PRO until a test changes that
    return {"handles": [*ACCOUNTS["handles"], *handles, downgraded]}


@dataclass(frozen=True)
class Api:
    client: TestClient
    application: Application
    world: World

    def token(self, user: str = "user_ann", **claims: Any) -> str:
        secret = self.application.settings.jwt_secret
        assert secret is not None
        body = {"sub": user, "exp": NOW + timedelta(hours=1)} | claims
        return jwt.encode({k: v for k, v in body.items() if v is not None}, secret.get_secret_value(), "HS256")

    def get(self, path: str, user: str | None = "user_ann", **parameters: str) -> httpx.Response:
        headers = {} if user is None else {"Authorization": f"Bearer {self.token(user)}"}
        if user == "staff":
            headers = {"Authorization": f"Bearer {self.token(user, role=user_tokens.STAFF)}"}
        return self.client.get(path, params=parameters, headers=headers)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
