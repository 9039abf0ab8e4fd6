"""The ctx token: the signed word of a redirect that a click happened, which a conversion brings back.

A JWT, HS256, `typ: ctx+jwt`, signed with secrets of its own: a user's access token is never a ctx, nor the reverse.
Claims: `h` handle, `s` slug, `jti` the click's CloudFront request id, `iat` the click's time in whole seconds, `exp`,
`consent` full, basic or denied; `sid` session and `pos` chain position where there are any. `deploy/edge/redirect.js`
mints and verifies the same tokens at the edge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import jwt
from jwt.exceptions import InvalidSignatureError, PyJWTError
from jwt.types import Options

from analytics_core.errors import InvalidCtxError
from analytics_core.names import HANDLE, SLUG

Consent = Literal["full", "basic", "denied"]

TYPE: Final = "ctx+jwt"
ALGORITHM: Final = "HS256"
CLOCK_SKEW: Final = timedelta(seconds=60)

_CONSENTS: Final = ("full", "basic", "denied")
_HANDLE: Final = re.compile(HANDLE)
_SLUG: Final = re.compile(SLUG)
_ID: Final = re.compile(r"[!-~]{1,256}")  # CloudFront calls its request ids opaque: anything that a log field can hold
_LAST_POSITION: Final = 1_000_000
_NEVER: Final = 253_402_300_799  # the end of the year 9999, which a datetime still holds
# The signature is PyJWT's to check, the claims are ours: every one by the same clock and with the same sentence.
_SIGNATURE_ONLY: Final[Options] = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
_MALFORMED: Final = "The ctx is not a token of this platform; send it unchanged, as the redirect appended it."


@dataclass(frozen=True, slots=True)
class Context:
    """What a ctx says: whose link was clicked and when. `clicked_at` has whole seconds; `position` counts from 1."""

    handle: str
    slug: str
    click_id: str
    clicked_at: datetime
    session_id: str | None = None
    position: int | None = None
    consent: Consent = "full"


def mint(context: Context, secrets: Sequence[str], ttl: timedelta) -> str:
    """The token of a click, signed with the first secret. It expires `ttl` after the click."""
    clicked = int(context.clicked_at.timestamp())
    claims: dict[str, Any] = {
        "h": context.handle,
        "s": context.slug,
        "jti": context.click_id,
        "iat": clicked,
        "exp": clicked + int(ttl.total_seconds()),
        "consent": context.consent,
    }
    if context.session_id is not None:
        claims["sid"] = context.session_id
    if context.position is not None:
        claims["pos"] = context.position
    return jwt.encode(claims, secrets[0], algorithm=ALGORITHM, headers={"typ": TYPE})


def verify(token: str, secrets: Sequence[str], now: datetime, *, accept_expired: bool = False) -> Context:
    """What a token says that one of the secrets signed. Raises InvalidCtxError, whose `reason` tells why not.

    Clocks may differ by a minute. `accept_expired` is for replays, whose first post was in time.
    """
    claims = _signed_claims(token, secrets)
    context, expires = _read(claims), _whole(claims, "exp", 1, _NEVER)
    if context.clicked_at > now + CLOCK_SKEW:
        raise InvalidCtxError("The ctx is of a time that has not come yet; compare the clocks.", reason="not_yet")
    if not accept_expired and now >= datetime.fromtimestamp(expires, UTC) + CLOCK_SKEW:
        raise InvalidCtxError("The ctx has expired; a conversion is posted soon after its click.", reason="expired")
    return context


def expiry(token: str) -> datetime:
    """When a token that was verified expires."""
    return datetime.fromtimestamp(jwt.decode(token, options={"verify_signature": False})["exp"], UTC)


def claimed_handle(token: str) -> str | None:
    """The handle that a token names, whoever signed it: to count a refused post, never to trust it."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (PyJWTError, ValueError):
        return None
    handle = claims.get("h")
    return handle if isinstance(handle, str) and _HANDLE.fullmatch(handle) else None


def _signed_claims(token: str, secrets: Sequence[str]) -> Mapping[str, Any]:
    try:
        for secret in secrets:
            try:
                found = jwt.decode_complete(token, secret, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)
            except InvalidSignatureError:
                continue
            if found["header"].get("typ") != TYPE:
                raise _malformed()
            return found["payload"]
        if jwt.get_unverified_header(token).get("typ") != TYPE:
            raise _malformed()
    except (PyJWTError, ValueError) as error:
        raise _malformed() from error
    raise InvalidCtxError("The ctx is not signed by this platform; send it unchanged.", reason="bad_signature")


def _read(claims: Mapping[str, Any]) -> Context:
    consent = claims.get("consent")
    if consent not in _CONSENTS:
        raise _malformed()
    return Context(
        handle=_text(claims, "h", _HANDLE),
        slug=_text(claims, "s", _SLUG),
        click_id=_text(claims, "jti", _ID),
        clicked_at=datetime.fromtimestamp(_whole(claims, "iat", 1, _NEVER), UTC),
        session_id=_text(claims, "sid", _ID) if "sid" in claims else None,
        position=_whole(claims, "pos", 1, _LAST_POSITION) if "pos" in claims else None,
        consent=consent,
    )


def _text(claims: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = claims.get(name)
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise _malformed()


def _whole(claims: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = claims.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise _malformed()


def _malformed() -> InvalidCtxError:
    return InvalidCtxError(_MALFORMED, reason="malformed")
