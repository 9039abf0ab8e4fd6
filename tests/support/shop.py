"""A shop's page on an origin of its own, and the API behind a network that fails as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from support.api import free_port

CONVERSIONS = "/v2/public/conversions"
OPEN_TO_ALL = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "content-type",
    "Access-Control-Expose-Headers": "Retry-After",
}


class Network:
    """What lies before the API: records every posted conversion, and answers in its place while failures are left.

    A failure is a status (with the seconds of its Retry-After), `unreadable`: an error page that the browser keeps from
    other origins, or `cut`: the API took the post, and its answer breaks off.
    """

    def __init__(self, api: ASGIApp) -> None:
        self._api = api
        self.posted: list[dict[str, Any]] = []
        self.failures: list[tuple[int, str | None] | str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != CONVERSIONS or scope["method"] != "POST":
            await self._api(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        self.posted.append(json.loads(body))
        if not self.failures:
            await self._api(scope, _again(body), send)
            return
        failure = self.failures.pop(0)
        if failure == "cut":
            await self._api(scope, _again(body), _nowhere)
            started = [(name.lower().encode(), value.encode()) for name, value in OPEN_TO_ALL.items()]
            await send(
                {"type": "http.response.start", "status": 201, "headers": [*started, (b"content-length", b"80")]}
            )
            await send({"type": "http.response.body", "body": b'{"conversionId": "', "more_body": True})
            return
        if isinstance(failure, str):
            await Response(status_code=502)(scope, receive, send)
            return
        status, retry_after = failure
        headers = OPEN_TO_ALL | ({} if retry_after is None else {"Retry-After": retry_after})
        await Response(status_code=status, headers=headers)(scope, receive, send)


def shop(script: str) -> Starlette:
    """Any path is a page that loads the script; `/sandboxed` may store nothing, `/based` has a base elsewhere."""

    async def page(request: Request) -> Response:
        headers = {"Content-Security-Policy": "sandbox allow-scripts"} if request.url.path == "/sandboxed" else {}
        base = '<base href="https://elsewhere.example/">' if request.url.path == "/based" else ""
        return HTMLResponse(
            f'<!doctype html><title>Shop</title>{base}<script src="{script}"></script>', headers=headers
        )

    return Starlette(routes=[Route("/{path:path}", page)])


@contextmanager
def served(app: ASGIApp, host: str) -> Iterator[str]:
    """The origin at which a thread of this process serves the application."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()


async def _nowhere(_: Message) -> None:
    """Where an answer goes that nobody gets."""


def _again(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
