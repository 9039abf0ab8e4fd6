"""`…/handles/{handle}/analytics`, for users and for tokens: the answer, the download, the manifest of a download."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.security import HTTPBearer
from starlette.responses import Response, StreamingResponse

from analytics_core import errors, exports
from analytics_core.access.rules import Action, Door
from analytics_core.api.answer_schemas import AnswerSchema, answer_json
from analytics_core.api.callers import actor_of, application_of, comes_through
from analytics_core.api.export_schemas import ExportSchema, ManifestSchema
from analytics_core.api.lake_threads import QUESTIONS
from analytics_core.api.question_parameters import ANSWER, EXPORT, Given
from analytics_core.bootstrap import Application
from analytics_core.model import Query as Question
from analytics_core.query.parse import parse_query
from analytics_core.web.download_response import DownloadResponse
from analytics_core.web.error_responses import documented, request_id

_ACCESS: Final = (
    errors.MissingBearerTokenError,
    errors.InvalidTokenError,
    errors.TokenExpiredError,
    errors.HandleNotFoundError,
    errors.RateLimitedError,
    errors.StoreUnavailableError,
    errors.QueryTimeoutError,
)
_PARAMETERS: Final = (
    errors.InvalidGroupByError,
    errors.InvalidDateRangeError,
    errors.InvalidTimezoneError,
    errors.InvalidSortError,
    errors.InvalidLimitError,
    errors.InvalidSlugError,
    errors.InvalidAsOfError,
    errors.InvalidParameterError,
)
# JSON stands first: clients that are generated from the document read the first kind alone.
_EXPORTED: Final[dict[str, Any]] = {
    "model": ExportSchema,
    "content": {"application/json": {}, "text/csv": {"schema": {"type": "string"}}},
    "description": "The file.",
}


Handle = Annotated[str, Path(description="The handle; its case does not matter.", examples=["acme"])]


def analytics(
    request: Request,
    handle: Handle,
    given: Annotated[Given, Depends(ANSWER)],
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    application, actor = application_of(request), actor_of(request)
    application.policy.check(actor, Action.READ, handle.lower())
    question = parse_query(handle.lower(), given.by_name(), application.clock())
    headers = {"ETag": _etag(application, question), "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if _matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    answer = application.analytics.run(question, actor)
    return Response(answer_json(answer), media_type="application/json", headers=headers)


def export(request: Request, handle: Handle, given: Annotated[Given, Depends(EXPORT)]) -> DownloadResponse:
    application, actor = application_of(request), actor_of(request)
    application.policy.check(actor, Action.EXPORT, handle.lower())
    asked = given.by_name()
    exports.format_named(asked.get("format"))
    question = parse_query(handle.lower(), asked, application.clock(), for_export=True)
    return DownloadResponse(exports.begin(application, question, actor, asked["format"], request_id(request)))


def manifest(request: Request, handle: Handle, manifest_id: str) -> Response:
    application, actor = application_of(request), actor_of(request)
    application.policy.check(actor, Action.EXPORT, handle.lower())
    found = exports.find_manifest(application.database, handle.lower(), manifest_id, application.clock())
    return Response(orjson.dumps(found.to_json()), media_type="application/json")


def family(door: Door, scheme_name: str, *refusals: type[errors.ClickledgerError]) -> APIRouter:
    """The routes of one door: the same questions and answers, asked with another kind of token."""
    asked = (*_ACCESS, *refusals)
    router = APIRouter(
        prefix=f"{door.removesuffix('*')}{{handle}}/analytics",
        tags=["Analytics"],
        dependencies=[
            Depends(HTTPBearer(auto_error=False, scheme_name=scheme_name)),
            Depends(comes_through(door)),
        ],
    )
    router.get(
        "",
        summary="Clicks of a handle and what followed them, grouped",
        response_model=AnswerSchema,
        responses=documented(*_PARAMETERS, *asked) | {304: {"description": "Nothing changed since the ETag."}},
    )(QUESTIONS.route(analytics))
    router.get(
        "/export",
        summary="Download the rows as CSV or JSON",
        response_class=StreamingResponse,
        responses=documented(errors.InvalidFormatError, *_PARAMETERS, *asked, errors.FeatureLockedError)
        | {200: _EXPORTED},
    )(QUESTIONS.route(export))
    router.get(
        "/exports/{manifest_id}",
        summary="The manifest of a download",
        response_model=ManifestSchema,
        responses=documented(*asked, errors.NotFoundError, errors.FeatureLockedError),
    )(manifest)
    return router


def _etag(application: Application, question: Question) -> str:
    """Of the question and of what the answer is made of."""
    parts = (application.analytics.state(question), repr(question))
    return f'"{hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]}"'


def _matches(if_none_match: str | None, etag: str) -> bool:
    given = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    return etag in given or "*" in given


routers: Final = (
    family(Door.USERS, "UserToken", errors.InsufficientRoleError),
    family(Door.TOKENS, "PersonalAccessToken", errors.InsufficientScopeError, errors.FeatureLockedError),
)
