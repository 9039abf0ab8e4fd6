"""Every request seen: an id on each response, one log event, and counts for Prometheus."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics_core.errors import ClickledgerError
from analytics_core.web.error_responses import REQUEST_ID, error_response, request_id
from analytics_core.web.paths import own_path
from analytics_core.web.security_headers import security_headers
from analytics_core.zones import RELEASE

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = structlog.get_logger()


def keep_queries_out_of_logs() -> None:
    """Uvicorn's own log of requests has them whole, and a ctx stands in the query."""
    logging.getLogger("uvicorn.access").addFilter(_without_query)


def _without_query(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(one.partition("?")[0] if isinstance(one, str) else one for one in record.args)
    return True


class Observations:
    """What Prometheus reads at /metrics. One for an app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter(
            "clickledger_http_requests", "Requests by route and status", labels, registry=self.registry
        )
        self.seconds = Histogram(
            "clickledger_http_request_seconds", "Time to the end of a response", labels[:2], registry=self.registry
        )
        self.last_sync = Gauge(
            "clickledger_last_complete_sync_timestamp_seconds",
            "End of the last sync that read every source",
            registry=self.registry,
        )
        self.misfit_rows = Gauge(
            "clickledger_rollup_misfit_rows",
            "Rows that the roll-ups hold more (or fewer, below 0) than their facts have; 0 unless something is wrong",
            ["facts"],
            registry=self.registry,
        )
        Info("clickledger_time_zones", "The time zone database by which days begin", registry=self.registry).info(
            {"release": RELEASE}
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)


class Observe:
    """ASGI middleware. Outermost, so that every answer is seen as the client sees it."""

    def __init__(self, app: ASGIApp, observations: Observations) -> None:
        self._app = app
        self._observations = observations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        own_id = given if _SANE_ID.fullmatch(given) else f"{secrets.randbits(128):032x}"
        scope[REQUEST_ID] = own_id
        told: dict[str, str] = {}  # what routes say in headers, errors included
        scope["clickledger.headers"] = told
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = own_id
                headers.update(security_headers(own_path(scope), scope["scheme"]) | told)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._note(scope, status, time.perf_counter() - started, own_id)

    def _note(self, scope: Scope, status: int, seconds: float, own_id: str) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"  # a label of anyone's choice has no end
        self._observations.requests.labels(method, route, status).inc()
        self._observations.seconds.labels(method, route).observe(seconds)
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            milliseconds=round(seconds * 1000, 1),
            request_id=own_id,
        )


class FailSafely:
    """ASGI middleware. Innermost, so that the answer to a failure passes the others like any answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception:
            if scope["type"] != "http" or has_begun:  # all that is left is to break it off
                raise
            request = Request(scope)
            log.exception("unexpected_error", request_id=request_id(request))
            failed = ClickledgerError("Something went wrong on our side; nothing was lost.")
            await error_response(request, failed)(scope, receive, send)
