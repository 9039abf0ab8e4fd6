"""Puts the API together: routes, error shape, request log, documentation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from analytics_core.api import (
    analytics_routes,
    audit_routes,
    context_routes,
    conversion_routes,
    docs_page,
    health_routes,
    redirect_routes,
    signal_routes,
    snippet_route,
    stray_post_routes,
    token_routes,
)
from analytics_core.api.cors import OpenCors
from analytics_core.api.guard import Guard
from analytics_core.api.observability import FailSafely, Observations, Observe, keep_queries_out_of_logs
from analytics_core.bootstrap import Application
from analytics_core.logs import configure_logs
from analytics_core.web.error_responses import install_error_handlers
from analytics_core.web.request_heads import limit_request_heads

DESCRIPTION: Final = (
    "Clicks of short links, counted exactly once from CloudFront's logs. Send a user access token (JWT), or under "
    "`/v2/public/` a personal access token, as `Authorization: Bearer …`. Every error is `{error, message, requestId}`."
)

_TAGS: Final = ("Analytics", "Tokens", "Audit", "Public", "Redirect", "Health")  # in the order in which to read them


def create_app(application: Callable[[], Application]) -> FastAPI:
    """The API over an application that is made by the first call of `application`, at start-up when served alone."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        configure_logs()
        keep_queries_out_of_logs()
        opened = application()
        limit_request_heads(opened.settings.head_seconds)
        opened.start()
        yield
        opened.stop()

    app = _Api(
        title="Clickledger",
        version="2",
        description=DESCRIPTION,
        openapi_url="/v2/openapi.json",
        openapi_tags=[{"name": name} for name in _TAGS],
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.application = application
    observations = Observations()
    app.state.observations = observations
    asked_most = (conversion_routes, signal_routes, context_routes, redirect_routes, snippet_route)
    for public in asked_most:  # so looked at first
        app.include_router(public.router)
    for router in (
        *analytics_routes.routers,
        token_routes.router,
        audit_routes.router,
        stray_post_routes.router,
        health_routes.router,
        docs_page.router,
    ):
        app.include_router(router)
    app.router.routes.insert(0, redirect_routes.OnHandleHost(redirect_routes.answer))
    install_error_handlers(app)
    app.add_middleware(redirect_routes.FindHandle, application=application)
    app.add_middleware(FailSafely)
    app.add_middleware(Guard, application=application)
    app.add_middleware(OpenCors)
    app.add_middleware(Observe, observations=observations)
    return app


class _Api(FastAPI):
    """Its document says what is answered: what FastAPI would refuse with 422 is a 400 of ours, in the one shape of
    errors, where it can happen at all."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        for operation in (one for path in document["paths"].values() for one in path.values()):
            operation["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        return document


def routes(app: FastAPI, base: str = "") -> list[BaseRoute]:
    """The API's paths below `base`, as routes of another ASGI application, such as the dashboard's, which needs
    `FindHandle`. Short links on a handle's host are not below it: their paths are all of the host's."""
    below = _Below(app, base)
    return [
        redirect_routes.OnHandleHost(_Below(app, "")),
        Mount(f"{base}/v2", app=below),
        Mount(f"{base}/r", app=below),
        *(Route(f"{base}{path}", endpoint=below) for path in health_routes.PATHS),
    ]


class _Below:
    """Calls the API with the whole path: it knows its own prefixes, and is told what stands before them."""

    def __init__(self, app: FastAPI, base: str) -> None:
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "root_path": scope.get("app_root_path", "") + self._base}, receive, send)
