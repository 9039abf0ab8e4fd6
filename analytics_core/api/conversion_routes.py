"""`POST /v2/public/conversions`: what happened after a click, counted once."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse

from analytics_core import errors
from analytics_core.api.bodies import documented_body, read_body
from analytics_core.api.post_limits import CONVERSIONS_OF_CLIENT, refused_by_rate
from analytics_core.bootstrap import Application
from analytics_core.tracking.conversion_posts import LARGEST_VALUE, expired
from analytics_core.web.client_addresses import client_of
from analytics_core.web.error_responses import documented

router = APIRouter(prefix="/v2/public", tags=["Public"])


class _Schema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class PostSchema(_Schema):
    """A conversion. Other fields are ignored."""

    ctx: str = Field(description="The token that the redirect appended to the destination.")
    event_type: str = Field(min_length=1, max_length=64, examples=["purchase"])
    idempotency_key: str = Field(min_length=1, max_length=255, description="Of a handle: a key counts once, for ever.")
    value: Annotated[Decimal, WithJsonSchema({"type": "number", "minimum": 0, "maximum": LARGEST_VALUE})] = Field(
        default_factory=Decimal, description="At most 4 decimals.", json_schema_extra={"default": 0}
    )
    currency: str | None = Field(None, description="ISO 4217, required with a value.", examples=["USD"])


class RecordedSchema(_Schema):
    conversion_id: str = Field(description="Of the first post with this key.")
    duplicate: bool


@router.post(
    "/conversions",
    summary="Record a conversion",
    status_code=201,
    response_model=RecordedSchema,
    responses=documented(
        errors.InvalidConversionError,
        errors.InvalidCtxError,
        errors.RequestTimeoutError,
        errors.PayloadTooLargeError,
        errors.RateLimitedError,
        errors.StoreUnavailableError,
    )
    | {200: {"model": RecordedSchema, "description": "The key is known: this is the first post's id."}},
    openapi_extra=documented_body(PostSchema),
)
async def post_conversion(request: Request) -> JSONResponse:
    application: Application = request.app.state.application()
    conversions, now = application.conversions, application.clock()
    client = client_of(request.scope, application.settings.trusted_proxies)
    body = b""
    try:
        too_often = await refused_by_rate(application.rates, CONVERSIONS_OF_CLIENT, client.buckets)
        body = await read_body(request)
        if too_often is not None:
            raise too_often
        post = conversions.read(body, now)
    except errors.ClickledgerError as refused:
        await conversions.refuse(refused, body, now)
        raise
    recorded = await conversions.record(post)
    if recorded.outcome == "expired":
        raise expired()
    is_new = recorded.outcome == "accepted"
    answer = {"conversionId": recorded.conversion_id, "duplicate": not is_new}
    return JSONResponse(answer, status_code=201 if is_new else 200, headers={"Cache-Control": "no-store"})
