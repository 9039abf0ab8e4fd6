"""The cookie that carries a session over a reload. Scripts cannot set a HttpOnly cookie, so a route does."""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analytics_core.access import tokens
from analytics_core.bootstrap import shared
from analytics_core.errors import ClickledgerError, InvalidTokenError

NAME = "clickledger_session"
PATH = "/session"


async def _store(request: Request) -> Response:
    """`{"token": …}`: keeps a valid token until it expires; an empty one ends the session."""
    # A page of another site cannot send this type without asking first, and nobody answers that it may.
    if request.headers.get("content-type") != "application/json":
        return Response(status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    try:
        token = _token(await request.body())
        if not token:
            response.delete_cookie(NAME, httponly=True, samesite="strict")
            return response
        actor = await run_in_threadpool(tokens.verify, token, shared().settings, shared().clock())
    except ClickledgerError as error:
        return JSONResponse({"error": error.code, "message": error.message}, status_code=error.status)
    is_secure = request.url.scheme == "https"
    response.set_cookie(NAME, token, expires=actor.expires_at, httponly=True, samesite="strict", secure=is_secure)
    return response


def _token(body: bytes) -> str:
    try:
        return str(json.loads(body)["token"])
    except (ValueError, KeyError, TypeError):
        raise InvalidTokenError('The body must be {"token": "…"}.') from None


routes = [Route(PATH, _store, methods=["POST"])]
