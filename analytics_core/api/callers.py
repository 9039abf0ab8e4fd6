"""Who calls, and how often: dependencies of a whole family of routes, so that no route can forget to ask."""

from __future__ import annotations

from collections.abc import Callable

import limits
from fastapi import Request

from analytics_core.access import user_tokens
from analytics_core.access.actors import Actor
from analytics_core.access.rules import Door
from analytics_core.bootstrap import Application
from analytics_core.errors import InvalidTokenError, RateLimitedError, TokenExpiredError
from analytics_core.web.client_addresses import client_of
from analytics_core.web.error_responses import request_id


def application_of(request: Request) -> Application:
    return request.app.state.application()


def actor_of(request: Request) -> Actor:
    """Who asks, as the door of the route has found out."""
    return request.state.actor


def comes_through(door: Door) -> Callable[[Request], None]:
    """The dependency of a family of routes: proves who calls, by the tokens of this door alone, and counts the call.

    It raises MissingBearerTokenError, InvalidTokenError, TokenExpiredError and RateLimitedError.
    """

    def enter(request: Request) -> None:
        application = application_of(request)
        token = user_tokens.bearer_token(request.headers.get("authorization"))
        try:
            actor = _verified(application, door, token)
        except (InvalidTokenError, TokenExpiredError) as error:
            client = client_of(request.scope, application.settings.trusted_proxies)
            application.sign_ins.failed(
                error,
                door=door,
                addresses=client.buckets,
                now=application.clock(),
                handle=request.path_params.get("handle", "").lower(),
                request_id=request_id(request),
            )
            raise
        request.state.actor = actor
        _count(request, application, actor)

    return enter


def _verified(application: Application, door: Door, token: str) -> Actor:
    now = application.clock()
    if door is Door.TOKENS:
        return application.personal_tokens.verify(token, now)
    return user_tokens.verify(token, application.settings, now)


def _count(request: Request, application: Application, actor: Actor) -> None:
    """Tells the caller what is left; all tokens of a user count together, a personal access token alone."""
    rate = limits.parse(application.settings.query_rate)
    left = application.rates.take(rate, f"token:{actor.token_id}" if actor.token_id else f"user:{actor.user_id}")
    request.scope["clickledger.headers"].update(
        {
            "RateLimit-Limit": str(left.limit),
            "RateLimit-Remaining": str(left.remaining),
            "RateLimit-Reset": str(left.reset_seconds),
            "RateLimit-Policy": f"{left.limit};w={left.window_seconds}",
        }
    )
    if not left.is_within:
        raise RateLimitedError(
            f"The API answers at most {left.limit} requests of one caller in {left.window_seconds} seconds; "
            f"try again in {left.reset_seconds} seconds.",
            retry_after=left.reset_seconds,
        )
