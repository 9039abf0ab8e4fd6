"""Who signed in through OpenID Connect: the claims of an identity token that was verified, as an actor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from analytics_core.access.actors import Actor
from analytics_core.access.user_tokens import LEEWAY
from analytics_core.errors import InvalidTokenError, TokenExpiredError
from analytics_core.settings import Settings


def actor_of_claims(claims: Mapping[str, Any], settings: Settings, now: datetime) -> Actor:
    """Raises InvalidTokenError without a usable user id or end, TokenExpiredError after the end.

    The user id is the claim that CLICKLEDGER_SIGN_IN_CLAIM names; an address counts only when the issuer verified it.
    """
    user_id, ends = claims.get(settings.sign_in_claim), claims.get("exp")
    if not isinstance(user_id, str) or not user_id or isinstance(ends, bool) or not isinstance(ends, int | float):
        raise InvalidTokenError(
            f"The sign-in service must send the claims {settings.sign_in_claim} and exp; one of them is missing."
        )
    if settings.sign_in_claim == "email" and claims.get("email_verified") is not True:
        raise InvalidTokenError("The sign-in service has not verified this address.")
    expires_at = datetime.fromtimestamp(ends, UTC)
    if expires_at + LEEWAY <= now:
        raise TokenExpiredError("The session has ended; sign in again.")
    staff = {one.strip() for one in settings.staff_users.split(",")} - {""}
    return Actor(user_id, is_staff=user_id in staff, expires_at=expires_at)
