"""The cookie that carries a session over a reload. Scripts cannot set a HttpOnly cookie, so a route does."""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytics_core.access import user_tokens
from analytics_core.access.rules import Door
from analytics_core.bootstrap import shared
from analytics_core.errors import ClickledgerError, InvalidTokenError, PayloadTooLargeError, TokenExpiredError
from analytics_core.web.client_addresses import client_of
from analytics_core.web.error_responses import error_with_id, request_id

NAME = "clickledger_session"
PATH = "/session"
SCRIPT_PATH = "/session/carry.js"

# Sends the token of the element that loads it to the route above it, which alone can set a HttpOnly cookie.
_SCRIPT = (
    "fetch(new URL('../session', document.currentScript.src), "
    "{method: 'POST', headers: {'Content-Type': 'application/json'}, "
    "body: JSON.stringify({token: document.currentScript.dataset.token})})"
)
_LARGEST_BODY = 16_384


async def _store(request: Request) -> Response:
    """`{"token": …}`: keeps a valid token until it expires; an empty one ends the session."""
    # A page of another site cannot send this type without asking first, and nobody answers that it may.
    if request.headers.get("content-type") != "application/json":
        return Response(status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    place = request.url.path.removesuffix(PATH) or "/"  # what the dashboard stands below, and no more
    try:
        token = _token(await _body(request))
        if not token:
            response.delete_cookie(NAME, place, httponly=True, samesite="strict")
            return response
        actor = await run_in_threadpool(user_tokens.verify, token, shared().settings, shared().clock())
    except (InvalidTokenError, TokenExpiredError) as error:
        refusal = error_with_id(request, error)
        await run_in_threadpool(_note_failure, request, error)
        return refusal
    except ClickledgerError as error:
        return error_with_id(request, error)
    response.set_cookie(
        NAME,
        token,
        expires=actor.expires_at,
        path=place,
        httponly=True,
        samesite="strict",
        secure=_came_encrypted(request),
    )
    return response


def _came_encrypted(request: Request) -> bool:
    """Whether the browser spoke TLS, to us or to a proxy that is trusted."""
    said = request.headers.get("x-forwarded-proto", "") if shared().settings.trusted_proxies else ""
    return "https" in (request.url.scheme, said.split(",")[0].strip().lower())


async def _script(_: Request) -> Response:
    return Response(_SCRIPT, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise PayloadTooLargeError(f"The body may have {_LARGEST_BODY} bytes at most.")
    return body


def _note_failure(request: Request, error: ClickledgerError) -> None:
    client = client_of(request.scope, shared().settings.trusted_proxies)
    shared().sign_ins.failed(
        error, door=Door.DASHBOARD, addresses=client.buckets, now=shared().clock(), request_id=request_id(request)
    )


def _token(body: bytes) -> str:
    try:
        return str(json.loads(body)["token"])
    except (ValueError, KeyError, TypeError):
        raise InvalidTokenError('The body must be {"token": "…"}.') from None


def routes(base: str) -> list[Route]:
    """Below the base path of the dashboard, or an empty one."""
    return [Route(base + PATH, _store, methods=["POST"]), Route(base + SCRIPT_PATH, _script)]
