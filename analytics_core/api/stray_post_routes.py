"""`GET /v2/posts`: what was posted and belongs to no handle, for reviewers: no handle's numbers show it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPBearer

from analytics_core import errors
from analytics_core.access.rules import Door
from analytics_core.api.answer_schemas import StrayPostsSchema
from analytics_core.api.callers import actor_of, application_of, comes_through
from analytics_core.query.parameters import gathered, known
from analytics_core.query.parse import parse_period
from analytics_core.web.error_responses import documented

router = APIRouter(
    prefix="/v2",
    tags=["Audit"],
    dependencies=[Depends(HTTPBearer(auto_error=False, scheme_name="UserToken")), Depends(comes_through(Door.USERS))],
)


@router.get(
    "/posts",
    summary="Posts that belong to no handle, for reviewers",
    responses=documented(
        errors.InvalidDateRangeError,
        errors.InvalidParameterError,
        errors.MissingBearerTokenError,
        errors.InvalidTokenError,
        errors.TokenExpiredError,
        errors.InsufficientRoleError,
        errors.RateLimitedError,
        errors.StoreUnavailableError,
    ),
)
def strays(
    request: Request,
    from_day: Annotated[
        str | None,
        Query(alias="fromDay", description="First UTC day. Default: 29 days before toDay.", examples=["20260201"]),
    ] = None,
    to_day: Annotated[
        str | None, Query(alias="toDay", description="Last UTC day, inclusive. Default: today.", examples=["20260228"])
    ] = None,
) -> StrayPostsSchema:
    application = application_of(request)
    application.policy.check_reviewer(actor_of(request))
    days = {"fromDay": from_day, "toDay": to_day}
    given = gathered(known(request.query_params.multi_items(), days))
    period = parse_period(given, application.clock())
    request.scope["clickledger.headers"]["Cache-Control"] = "no-store"
    return StrayPostsSchema.of(period, application.outcomes.strays(period.from_day, period.to_day))
