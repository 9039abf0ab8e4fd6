"""Who asks: the person or script behind a request, whatever token it came with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ActorKind(StrEnum):
    """What proved who it is: a user's JWT, a demo user's, a reviewer's, or a personal access token."""

    USER = "user"
    DEMO = "demo"
    STAFF = "staff"
    TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Actor:
    """`is_staff` is the platform-wide reviewer role; `expires_at` is the end of the token that proved who it is.

    A personal access token asks in the name of `user_id`, who made it, and is bound to one `handle` and its `scopes`.
    """

    user_id: str
    is_staff: bool = False
    expires_at: datetime | None = None
    is_demo: bool = False
    token_id: str | None = None
    handle: str | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def kind(self) -> ActorKind:
        if self.token_id is not None:
            return ActorKind.TOKEN
        if self.is_staff:
            return ActorKind.STAFF
        return ActorKind.DEMO if self.is_demo else ActorKind.USER

    @property
    def name(self) -> str:
        """How the audit log calls it."""
        return f"{self.user_id} (token {self.token_id})" if self.token_id else self.user_id
