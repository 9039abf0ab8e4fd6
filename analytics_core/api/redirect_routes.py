"""Short links served here: `/r/{handle}/{slug}`, and everything on a handle's own host.

What the edge does for a deployment, and a laptop for itself: each answer is also a line in the redirect log.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from analytics_core import errors
from analytics_core.bootstrap import Application
from analytics_core.names import SLUG
from analytics_core.tracking.realtime_line import ServedRequest, line_of
from analytics_core.tracking.short_links import consent_of, destination, in_force, new_request_id
from analytics_core.web.client_addresses import client_of
from analytics_core.web.error_responses import documented, error_response
from analytics_core.web.paths import own_path

router = APIRouter(tags=["Redirect"])

PATH: Final = "/r/{handle}/{slug}"
_SLUG_PATH: Final = re.compile(f"/({SLUG})(/?)")
_METHODS: Final = ("GET", "HEAD")
_HANDLE: Final = "clickledger.handle"  # of a scope: whose host it is, None, or why that is not known

log = structlog.get_logger()


@router.head(PATH, include_in_schema=False)
@router.get(
    PATH,
    summary="Follow a short link",
    description="Also as `GET /{slug}` on the handle's host: `{handle}.{public domain}` or a domain of its own.",
    status_code=302,
    response_class=Response,
    responses=documented(errors.NotFoundError, errors.LinkExpiredError, errors.StoreUnavailableError)
    | {307: {"description": "As 302, for links that say so."}},
)
def follow(
    request: Request,
    handle: Annotated[str, Path(examples=["acme"])],
    slug: Annotated[str, Path(examples=["launch"])],
) -> Response:
    return _answer_on_path(request, handle, slug, f"/{slug}")


@router.head(f"{PATH}/", include_in_schema=False)
@router.get(f"{PATH}/", include_in_schema=False)
def follow_with_slash(request: Request, handle: str, slug: str) -> Response:
    application: Application = request.app.state.application()
    found = slug if application.settings.trailing_slash else None
    return _answer_on_path(request, handle, found, f"/{slug}/")


def _answer_on_path(request: Request, handle: str, slug: str | None, path: str) -> Response:
    """As the handle's own host would answer, and logged so.

    A handle that does not exist is answered as one that lacks the link, by the same work: nobody learns here which
    handles there are.
    """
    application: Application = request.app.state.application()
    name = handle.lower()
    host = f"{name}.{application.settings.public_domain}"
    return _answer_logged(request, _Asked(name, slug, host.encode(), path.encode()))


class FindHandle:
    """ASGI middleware: notes in the scope whose host a request came to, for OnHandleHost.

    Paths of the API, which stand below `base`, belong to no host. Anybody can send any Host: the look-up of one that is
    not remembered must not keep the other requests waiting.
    """

    def __init__(self, app: ASGIApp, application: Callable[[], Application], base: str = "") -> None:
        self._app = app
        self._application = application
        self._api = (f"{base}/v2/", f"{base}/r/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _HANDLE not in scope and not own_path(scope).startswith(self._api):
            hosts, host = self._application().hosts, Headers(scope=scope).get("host", "")
            try:
                handle = (
                    hosts.handle(host) if hosts.is_remembered(host) else await run_in_threadpool(hosts.handle, host)
                )
            except errors.StoreUnavailableError as error:
                handle = error  # told where errors are answered
            scope[_HANDLE] = handle
        await self._app(scope, receive, send)


class OnHandleHost(BaseRoute):
    """Every request for which FindHandle has found a handle. `app` answers by way of `answer`."""

    path = "/{slug}"

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.NONE, {}) if scope.get(_HANDLE) is None else (Match.FULL, {"route": self})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request that OnHandleHost has found a handle for."""
    handle = scope[_HANDLE]
    if isinstance(handle, errors.StoreUnavailableError):
        raise handle
    request = Request(scope, receive)
    path = (scope.get("raw_path") or scope["path"].encode()).split(b"?", 1)[0]
    host = request.headers.get("host", "").encode("latin-1")
    application: Application = request.app.state.application()
    asked = _Asked(handle, _slug(path, trailing_slash=application.settings.trailing_slash), host, path)
    response = await run_in_threadpool(_answer_logged, request, asked)
    await response(scope, receive, send)


def _slug(path: bytes, *, trailing_slash: bool) -> str | None:
    """The slug of a path as it was sent, which is what the log says and counts."""
    found = _SLUG_PATH.fullmatch(path.decode("latin-1"))
    return found[1] if found and (trailing_slash or not found[2]) else None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for: `slug` is None for a path that is no slug. `host` and `path` as they are logged."""

    handle: str
    slug: str | None
    host: bytes
    path: bytes


def _answer_logged(request: Request, asked: _Asked) -> Response:
    application: Application = request.app.state.application()
    started = time.perf_counter()
    now, request_id = application.clock(), new_request_id()
    try:
        response = _answer(request, application, asked, request_id)
    except errors.ClickledgerError as refused:
        response = error_response(request, refused)
        if isinstance(refused, errors.MethodNotAllowedError):
            response.headers["Allow"] = ", ".join(_METHODS)
    response.headers["X-Amz-Cf-Id"] = request_id
    query = request.scope["query_string"]
    client = client_of(request.scope, application.settings.trusted_proxies)
    served = ServedRequest(
        at=now,
        request_id=request_id,
        address=client.address,
        port=(request.scope.get("client") or ("", 0))[1],
        method=request.method,
        scheme=request.scope["scheme"],
        host=asked.host,
        uri=asked.path + b"?" + query if query else asked.path,
        http_version=request.scope["http_version"],
        headers=request.scope["headers"],
        status=response.status_code,
        answer_bytes=len(response.body) + sum(len(name) + len(value) + 4 for name, value in response.raw_headers),
        content_type=response.headers.get("content-type", ""),
        content_length=len(response.body),
        seconds=time.perf_counter() - started,
    )
    try:
        application.redirect_log.append(line_of(served), now)
    except OSError as error:  # a visitor is redirected all the same
        log.exception("redirect_not_logged", request_id=request_id, handle=asked.handle, error=str(error))
    return response


def _answer(request: Request, application: Application, asked: _Asked, request_id: str) -> Response:
    if request.method not in _METHODS:
        raise errors.MethodNotAllowedError("A short link is followed with GET or HEAD.")
    now, settings = application.clock(), application.settings
    link = in_force(application.links.find(asked.handle, asked.slug) if asked.slug else None, now)
    location = destination(
        link,
        request_id,
        given=request.query_params.get("ctx"),
        consent=consent_of(request.headers),
        keys=settings.ctx_keys,
        ttl=settings.ctx_ttl,
        now=now,
    )
    return Response(status_code=link.redirect_status, headers={"Location": location, "Cache-Control": "no-store"})
