"""`GET /v2/public/context`: what a ctx says, for who cannot verify it by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse

from analytics_core import errors
from analytics_core.api.answer_schemas import time_text
from analytics_core.bootstrap import Application
from analytics_core.tracking import ctx as tokens
from analytics_core.web.error_responses import documented

router = APIRouter(prefix="/v2/public", tags=["Public"])


class ContextSchema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    handle: str
    slug: str
    click_id: str
    clicked_at: datetime
    expires_at: datetime
    session_id: str | None
    position: int | None
    consent: tokens.Consent


@router.get(
    "/context",
    summary="What a ctx says",
    response_model=ContextSchema,
    responses=documented(errors.InvalidCtxError),
)
async def read_context(
    request: Request, ctx: Annotated[str, Query(description="The token, as the redirect appended it.")] = ""
) -> JSONResponse:
    application: Application = request.app.state.application()
    context = tokens.verify(ctx, application.settings.ctx_keys, application.clock())
    said: dict[str, Any] = {
        "handle": context.handle,
        "slug": context.slug,
        "clickId": context.click_id,
        "clickedAt": time_text(context.clicked_at),
        "expiresAt": time_text(tokens.expiry(ctx)),
        "sessionId": context.session_id,
        "position": context.position,
        "consent": context.consent,
    }
    return JSONResponse(said, headers={"Cache-Control": "no-store"})
