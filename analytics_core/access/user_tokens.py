"""User access tokens (JWT): who sent a request, proved by a signature that the configuration chooses, never the token.

Claims: `sub` is the user id, `exp` is required, `role: "STAFF"` marks a platform reviewer; `iss` and `aud` are
required when they are configured. A token that is not yet valid (`nbf`), that is from the future (`iat`) or of another
purpose (a `typ` such as `ctx+jwt`) is no access token. What it says of its own key (`jku`, `jwk`, `x5u`) is never
looked at.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

from analytics_core.access.actors import Actor
from analytics_core.access.key_set import key_set
from analytics_core.errors import InvalidTokenError, MissingBearerTokenError, StoreUnavailableError, TokenExpiredError
from analytics_core.settings import Settings

LEEWAY: Final = timedelta(seconds=30)
STAFF: Final = "STAFF"
DEMO: Final = "demo"  # the claim of a demo user's token: worth nothing where demo mode is off

PERSONAL: Final = "patv1_"  # begins a personal access token, which is for another door
_SYMMETRIC: Final = ["HS256"]
_ASYMMETRIC: Final = ["RS256", "ES256", "EdDSA"]
_TYPES: Final = (None, "JWT", "jwt", "at+jwt")


def bearer_token(authorization: str | None) -> str:
    """The token of an `Authorization: Bearer …` header. Raises MissingBearerTokenError without one."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise MissingBearerTokenError("Send an access token: Authorization: Bearer <token>.")
    return token.strip()


def verify(token: str, settings: Settings, now: datetime) -> Actor:
    """The actor whom a token proves. Raises InvalidTokenError, TokenExpiredError, StoreUnavailableError (key set)."""
    if token.startswith(PERSONAL):
        raise InvalidTokenError(
            "This route needs a user's token; a personal access token opens /v2/public/handles/ alone."
        )
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") not in _TYPES:
            raise InvalidTokenError("This token was made for another purpose; send a user access token.")
        key, algorithms = _key(token, settings)
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            options={
                "require": ["exp", "sub", *_required(settings)],
                "verify_aud": settings.jwt_audience is not None,
                # Times are compared below, with the clock that everything else goes by.
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except PyJWKClientConnectionError as error:
        raise StoreUnavailableError("The key set of the sign-in service does not answer.") from error
    except (PyJWTError, ValueError) as error:  # ValueError: parts that are no text
        raise InvalidTokenError("The access token is not valid.") from error
    return _actor(claims, settings, now)


def mint(
    settings: Settings,
    user_id: str,
    *,
    now: datetime,
    lifetime: timedelta,
    is_staff: bool = False,
    is_demo: bool = False,
) -> str:
    """An HS256 token for development and for demo users. Raises InvalidTokenError where a key set is configured."""
    if settings.jwks_url is not None or settings.jwt_secret is None:
        raise InvalidTokenError("Tokens come from the sign-in service here: CLICKLEDGER_JWKS_URL is set.")
    claims: dict[str, Any] = {"sub": user_id, "iat": now, "exp": now + lifetime}
    if settings.jwt_issuer is not None:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience is not None:
        claims["aud"] = settings.jwt_audience
    if is_staff:
        claims["role"] = STAFF
    if is_demo:
        claims[DEMO] = True
    return jwt.encode(claims, settings.jwt_secret.get_secret_value(), algorithm=_SYMMETRIC[0])


def _key(token: str, settings: Settings) -> tuple[Any, list[str]]:
    """The key and the algorithms that the configuration allows, whatever the token asks for."""
    if settings.jwks_url is not None:
        return key_set(settings.jwks_url).get_signing_key_from_jwt(token), _ASYMMETRIC
    if settings.jwt_secret is None:
        raise InvalidTokenError("No access token can be valid: no secret and no key set is configured.")
    return settings.jwt_secret.get_secret_value(), _SYMMETRIC


def _required(settings: Settings) -> list[str]:
    return [name for name, value in (("iss", settings.jwt_issuer), ("aud", settings.jwt_audience)) if value is not None]


def _actor(claims: dict[str, Any], settings: Settings, now: datetime) -> Actor:
    expires_at = _time(claims["exp"])
    if any(name in claims and _time(claims[name]) > now + LEEWAY for name in ("nbf", "iat")):
        raise InvalidTokenError("The access token is not valid yet.")
    if expires_at <= now - LEEWAY:
        raise TokenExpiredError("The access token has expired; sign in again.")
    user_id, is_demo = claims["sub"], bool(claims.get(DEMO))
    if not user_id.isprintable() or not user_id or (is_demo and not settings.demo):
        raise InvalidTokenError("The access token is not valid here.")
    return Actor(user_id, is_staff=claims.get("role") == STAFF, expires_at=expires_at, is_demo=is_demo)


def _time(claim: object) -> datetime:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise InvalidTokenError("The access token is not valid.")
    try:
        return datetime.fromtimestamp(claim, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidTokenError("The access token is not valid.") from error
