"""Personal access tokens: `patv1_<tokenId>.<secret>`, for scripts that read one handle in the name of who made them.

The secret is 256 random bits, so its keyed SHA-256 cannot be turned back and needs no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from analytics_core.access.actors import Actor
from analytics_core.access.policy import Policy, hidden
from analytics_core.access.rules import Action
from analytics_core.access.scopes import checked
from analytics_core.errors import InvalidParameterError, InvalidTokenError, NotFoundError, TokenExpiredError
from analytics_core.settings import Settings
from analytics_core.store import access_tokens
from analytics_core.store.access_tokens import AccessToken, AccessTokens
from analytics_core.store.audit_events import AuditEvent, record
from analytics_core.store.database import Database
from analytics_core.validation import shown

MAX_NAME: Final = 100
MAX_LIFETIME: Final = timedelta(days=3_653)

_FORM: Final = re.compile(r"patv1_(?P<id>[A-Za-z0-9]{16})\.(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII)
_NO_SECRET: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made. `secret_text` is the whole of it, and nobody can read it again."""

    token: AccessToken
    secret_text: str


class PersonalTokens:
    """Makes, lists, revokes and recognises them."""

    def __init__(self, settings: Settings, database: Database, policy: Policy) -> None:
        secret = settings.token_secret
        assert secret is not None  # load_settings fills it or refuses
        self._key = secret.get_secret_value().encode()
        self._database = database
        self._policy = policy
        self._stored = AccessTokens(database)

    def make(
        self,
        actor: Actor,
        handle: str,
        *,
        name: str,
        scopes: tuple[str, ...],
        now: datetime,
        expires_at: datetime | None = None,
        request_id: str = "",
    ) -> NewToken:
        """Raises the errors of Policy.check, and InvalidParameterError for a name, scope or end that cannot be."""
        self._policy.check(actor, Action.MAKE_TOKENS, handle)
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidParameterError(f"name must have 1 to {MAX_NAME} printable characters; got {shown(name)}.")
        if expires_at is not None and not now < expires_at < now + MAX_LIFETIME:
            raise InvalidParameterError(
                f"expiresAt must be in the future, and at most ten years ahead; got {expires_at.isoformat()}."
            )
        token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        token = AccessToken(
            token_id=token_id,
            handle=handle,
            name=name.strip(),
            secret_hash=self._hash(token_id, secret),
            scopes=checked(scopes),
            created_at=now,
            created_by=actor.user_id,
            expires_at=expires_at,
        )
        detail = {"tokenId": token_id, "name": token.name, "scopes": list(token.scopes)}
        with self._database.begin() as connection:
            if not access_tokens.add(connection, token):  # the maker was removed a moment ago
                raise hidden(handle)
            record(connection, AuditEvent(now, actor.name, handle, "token.created", detail, request_id))
        return NewToken(token, f"patv1_{token_id}.{secret}")

    def of_handle(self, actor: Actor, handle: str) -> tuple[AccessToken, ...]:
        """The tokens that are not revoked, newest first. Raises the errors of Policy.check."""
        self._policy.check(actor, Action.MANAGE_TOKENS, handle)
        return self._stored.of_handle(handle)

    def revoke(self, actor: Actor, handle: str, token_id: str, *, now: datetime, request_id: str = "") -> None:
        """From now on the token is worth nothing. Raises the errors of Policy.check, and NotFoundError."""
        self._policy.check(actor, Action.MANAGE_TOKENS, handle)
        with self._database.begin() as connection:
            name = access_tokens.revoke(connection, handle, token_id, now)
            if name is None:
                raise NotFoundError("There is no token of that id.")
            detail = {"tokenId": token_id, "name": name}
            record(connection, AuditEvent(now, actor.name, handle, "token.revoked", detail, request_id))

    def verify(self, text: str, now: datetime) -> Actor:
        """The actor whom a token proves. Raises InvalidTokenError or TokenExpiredError.

        A token that never was, one whose secret is wrong and one that was revoked look the same, and take the same
        time: there is always one look-up, one hash and one comparison in constant time.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            raise _invalid()
        token = self._stored.find(form["id"])
        expected = token.secret_hash if token else _NO_SECRET
        is_right = hmac.compare_digest(expected, self._hash(form["id"], form["secret"]))
        if token is None or not is_right or token.revoked_at is not None:
            raise _invalid()
        if token.expires_at is not None and token.expires_at <= now:
            raise TokenExpiredError("The personal access token has expired; make a new one.")
        self._stored.note_use(token, now)
        return Actor(
            token.created_by,
            expires_at=token.expires_at,
            token_id=token.token_id,
            handle=token.handle,
            scopes=frozenset(token.scopes),
        )

    def _hash(self, token_id: str, secret: str) -> str:
        return hmac.new(self._key, f"{token_id}.{secret}".encode(), hashlib.sha256).hexdigest()


def _invalid() -> InvalidTokenError:
    return InvalidTokenError("Send a personal access token that is valid: patv1_<tokenId>.<secret>.")
