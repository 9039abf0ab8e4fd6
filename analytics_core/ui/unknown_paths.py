"""Paths that name nothing. Streamlit answers them with its page, which finds out in the browser that nothing is there;
a script gets a 404 as the API gives it."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics_core.errors import NotFoundError
from analytics_core.web.error_responses import error_with_id


class UnknownPaths:
    """ASGI middleware around dashboard and API. `pages` are the paths at which the dashboard has a page."""

    def __init__(self, app: ASGIApp, pages: Collection[str]) -> None:
        self._app = app
        self._pages = frozenset(path.rstrip("/") for path in pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_for_a_person(scope) or scope["path"].rstrip("/") in self._pages:
            await self._app(scope, receive, send)
            return
        is_refused = False

        async def send_on(message: Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start" and _names_nothing(message):
                is_refused = True
                await _not_found(scope, receive, send)
            elif not is_refused:
                await send(message)

        await self._app(scope, receive, send_on)


def _is_for_a_person(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


def _names_nothing(start: Message) -> bool:
    """Whether it is Streamlit's page, or an error of its own; the API's answers have ids."""
    headers = Headers(raw=start["headers"])
    if "x-request-id" in headers:
        return False
    is_page = start["status"] == 200 and headers.get("content-type", "").startswith("text/html")
    return is_page or start["status"] in (404, 405)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    response = error_with_id(Request(scope), NotFoundError(f"There is nothing at {scope['path']}."))
    await response(scope, receive, send)
