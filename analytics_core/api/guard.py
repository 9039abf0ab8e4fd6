"""What never reaches a route: bodies that are too large or too slow, and paths that name nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics_core.api.bodies import REFUSED_BODY
from analytics_core.bootstrap import Application
from analytics_core.errors import ClickledgerError, NotFoundError, PayloadTooLargeError, RequestTimeoutError
from analytics_core.web.error_responses import error_response
from analytics_core.web.paths import own_path

_COUNTED: Final = {("POST", "/v2/public/conversions")}  # routes that count what is refused, and so must hear of it


class Guard:
    """ASGI middleware. Reads the body before the application does, so that nothing waits for the rest of one."""

    def __init__(self, app: ASGIApp, application: Callable[[], Application]) -> None:
        self._app = app
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            if "\0" in scope["path"]:  # PostgreSQL takes no text with it
                raise NotFoundError("There is nothing at this path.")
            body = await self._body(scope, receive)
        except ClickledgerError as error:
            if (scope["method"], own_path(scope)) not in _COUNTED:
                await error_response(Request(scope), error)(scope, receive, send)
                return
            scope[REFUSED_BODY], body = error, b""
        await self._app(scope, _replayed(body, receive), send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        settings = self._application().settings
        largest = settings.body_kilobytes * 1024
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "0")
        if announced == "0" and "transfer-encoding" not in headers:
            return b""
        if announced.isdigit() and int(announced[:12]) > largest:
            raise PayloadTooLargeError(f"The body may have {largest} bytes at most.")
        body = bytearray()
        try:
            async with asyncio.timeout(settings.body_seconds):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > largest:
                        raise PayloadTooLargeError(f"The body may have {largest} bytes at most.")
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise RequestTimeoutError(f"The body must arrive within {settings.body_seconds:g} seconds.") from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body once, then whatever comes: that the client has gone."""
    is_given = False

    async def give() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give
