"""One shape for every error: `{error, message, requestId}`, and what else the error carries."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from analytics_core import errors
from analytics_core.errors import ClickledgerError, InvalidParameterError, NotFoundError
from analytics_core.validation import complaint

REQUEST_ID: Final = "clickledger.request_id"  # of a scope: the X-Request-Id of its answer

log = structlog.get_logger()


class ErrorBody(BaseModel):
    """`feature` and `requiredPlan` stand beside `feature_locked`."""

    model_config = ConfigDict(extra="allow")

    error: str = Field(description="A code that stays the same.", examples=["invalid_group_by"])
    message: str = Field(description="A sentence for a person: what was wrong, and what would be right.")
    requestId: str = Field(description="The X-Request-Id of this response.")  # noqa: N815  (the wire's own spelling)


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ClickledgerError, _on_our_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)


def error_response(request: Request, error: ClickledgerError) -> Response:
    body = {"error": error.code, "message": error.message, "requestId": request_id(request), **error.extra}
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(body, status_code=error.status, headers=headers)


def error_with_id(request: Request, error: ClickledgerError) -> Response:
    """The same for a route of the dashboard, around which no Observe gives ids."""
    request.scope.setdefault(REQUEST_ID, uuid4().hex)
    response = error_response(request, error)
    response.headers["X-Request-Id"] = request_id(request)
    return response


def request_id(request: Request) -> str:
    return request.scope.get(REQUEST_ID, "")


def documented(*classes: type[ClickledgerError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of an operation that can fail in these ways."""
    by_status: dict[int, list[str]] = {}
    for one in classes:
        by_status.setdefault(one.status, []).append(one.code)
    return {
        status: {"model": ErrorBody, "description": ", ".join(f"`{code}`" for code in dict.fromkeys(codes))}
        for status, codes in sorted(by_status.items())
    }


async def _on_our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ClickledgerError)
    if error.status >= 500:
        log.warning("request_failed", request_id=request_id(request), code=error.code, cause=repr(error.__cause__))
    return error_response(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first: ErrorDetails = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "The body"
    return error_response(request, InvalidParameterError(f"{where} {complaint(first)}."))


def _allowed(request: Request) -> str:
    """What every route at this path takes together; Starlette names the methods of one of them."""
    scopes = {method: {**request.scope, "method": method} for method in ("DELETE", "GET", "HEAD", "POST")}
    routes = request.app.routes
    return ", ".join(
        method for method, scope in scopes.items() if any(one.matches(scope)[0] is Match.FULL for one in routes)
    )


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return error_response(request, NotFoundError(f"There is nothing at {request.url.path}."))
    if error.status_code == 405:
        allowed = _allowed(request)
        refused = errors.MethodNotAllowedError(f"{request.method} is not possible here; use {allowed}.")
        response = error_response(request, refused)
        response.headers["Allow"] = allowed
        return response
    return error_response(request, InvalidParameterError(str(error.detail)))
