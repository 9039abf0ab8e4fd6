"""What the public doors say to browsers: any page may post to them (CORS)."""

from __future__ import annotations

from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from analytics_core.web.paths import own_path

PREFIX: Final = "/v2/public/"
_PREFLIGHT_SECONDS: Final = 86_400


class OpenCors:
    """ASGI middleware: CORS for every answer under PREFIX, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=_PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_public = scope["type"] == "http" and own_path(scope).startswith(PREFIX)
        await (self._open if is_public else self._app)(scope, receive, send)
