"""`…/handles/{handle}/analytics`, for users and for tokens: the answer, the download, the manifest of a download."""

from __future__ import annotations

import hashlib
from inspect import signature
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.security import HTTPBearer
from starlette.responses import Response, StreamingResponse

from analytics_core import errors, exports
from analytics_core.access.rules import Action, Door
from analytics_core.api.answer_schemas import AnswerSchema, answer_json
from analytics_core.api.callers import actor_of, application_of, comes_through
from analytics_core.api.export_schemas import ExportSchema, ManifestSchema
from analytics_core.api.lake_threads import QUESTIONS
from analytics_core.bootstrap import Application
from analytics_core.model import Query as Question
from analytics_core.query.parameters import gathered
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
_MANY: Final = "Several values with commas (`DE,AT`) or repeated; a `-` first excludes them (`-BR`)."

_CONVERSION_DAY: Final = (
    "Which day conversions, revenue and impressions count on: conversion, their own (default), or click, that of their "
    "click."
)
_FUNNEL: Final = "true adds the funnel; groupBy may then be left out, for totals and funnel alone."


# JSON stands first: clients that are generated from the document read the first kind alone.
_EXPORTED: Final[dict[str, Any]] = {
    "model": ExportSchema,
    "content": {"application/json": {}, "text/csv": {"schema": {"type": "string"}}},
    "description": "The file.",
}


def _described(text: str, example: str) -> object:
    return Query(description=text, examples=[example])


Handle = Annotated[str, Path(description="The handle; its case does not matter.", examples=["acme"])]
Text = str | None


class Parameters:
    """The parameters of a question, as text: parse_query checks them and says what would be right."""

    def __init__(
        self,
        request: Request,
        groupBy: Annotated[Text, _described("day, slug, country, device, referrer or segment.", "day")] = None,
        fromDay: Annotated[Text, _described("First day, yyyymmdd, inclusive. Default: 30 days.", "20260201")] = None,
        toDay: Annotated[Text, _described("Last day, yyyymmdd, inclusive. At most 1,100 days.", "20260228")] = None,
        tz: Annotated[Text, _described("IANA zone whose days count. Default UTC.", "Europe/Berlin")] = None,
        campaignId: Annotated[Text, _described(_MANY, "spring-launch")] = None,
        slug: Annotated[Text, _described(_MANY, "launch")] = None,
        country: Annotated[Text, _described(_MANY, "DE,AT")] = None,
        device: Annotated[Text, _described(_MANY, "MOBILE")] = None,
        referrer: Annotated[Text, _described(_MANY, "instagram.com")] = None,
        referrerHost: Annotated[Text, _described(_MANY, "l.instagram.com")] = None,
        segment: Annotated[Text, _described(_MANY, "returning,customer")] = None,
        conversionDay: Annotated[Text, _described(_CONVERSION_DAY, "click")] = None,
        sort: Annotated[Text, _described("asc or desc: days by key, all else by clicks, then key.", "desc")] = None,
        asOf: Annotated[Text, _described("RFC 3339 time: the answer as it stood then.", "2026-02-25T12:00:00Z")] = None,
    ) -> None:
        self._all = request.query_params.multi_items()

    def given(self, **more: Text) -> dict[str, str]:
        """By name, with those that one route has beside them. Raises InvalidParameterError for one that is given twice.

        Names that the API does not know are ignored.
        """
        known = _NAMES | more.keys()
        return gathered((name, value) for name, value in self._all if name in known)


_NAMES: Final = frozenset(signature(Parameters).parameters) - {"request"}


def analytics(
    request: Request,
    handle: Handle,
    parameters: Annotated[Parameters, Depends()],
    limit: Annotated[Text, _described("Rows, 1 to 10,000 (default 1,000); the rest is `(other)`.", "10")] = None,
    compare: Annotated[Text, _described("previous: the period of the same length before.", "previous")] = None,
    confidence: Annotated[Text, _described("true adds the confidence block.", "true")] = None,
    funnel: Annotated[Text, _described(_FUNNEL, "true")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    application, actor = application_of(request), actor_of(request)
    application.policy.check(actor, Action.READ, handle.lower())
    given = parameters.given(limit=limit, compare=compare, confidence=confidence, funnel=funnel)
    question = parse_query(handle.lower(), given, application.clock())
    headers = {"ETag": _etag(application, question), "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if _matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    answer = application.analytics.run(question, actor)
    return Response(answer_json(answer), media_type="application/json", headers=headers)


def export(
    request: Request,
    handle: Handle,
    parameters: Annotated[Parameters, Depends()],
    format: Annotated[Text, _described("csv or json.", "csv")] = None,
    metric: Annotated[Text, _described("With groupBy=event: clicks or conversions.", "conversions")] = None,
) -> DownloadResponse:
    application, actor = application_of(request), actor_of(request)
    application.policy.check(actor, Action.EXPORT, handle.lower())
    exports.format_named(format)
    given = parameters.given(metric=metric, format=format)
    question = parse_query(handle.lower(), given, application.clock(), for_export=True)
    return DownloadResponse(exports.begin(application, question, actor, format or "", request_id(request)))


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
