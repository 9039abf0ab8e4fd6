"""`POST /v2/public/chain/signals`: what was observed of a visitor."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse

from analytics_core import errors
from analytics_core.api.bodies import documented_body, read_body
from analytics_core.api.post_limits import SIGNALS_OF_CLIENT, SIGNALS_OF_SESSION, refused_by_rate
from analytics_core.bootstrap import Application
from analytics_core.store.signal_table import MOST_A_SESSION
from analytics_core.web.client_addresses import client_of
from analytics_core.web.error_responses import documented

router = APIRouter(prefix="/v2/public/chain", tags=["Public"])

_FULL_SECONDS: Final = 3_600  # a full session stays full: when to look again is when a visitor has a new one


class _Schema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class SignalSchema(_Schema):
    """A signal of the handle of `ctx`, or of `handle`."""

    ctx: str | None = Field(None, description="The token that the redirect appended to the destination.")
    handle: str | None = Field(None, examples=["acme"])
    session_id: str = Field(max_length=255, examples=["sig_acme_1773316800_k3x9"])
    signal_key: str = Field(min_length=1, max_length=64, examples=["intent"])
    signal_value: str = Field(max_length=256, examples=["pricing"])
    confidence: float = Field(ge=0, le=1)
    source: str | None = Field(None, max_length=64)
    metadata: dict[str, Any] | None = Field(None, description="At most 4 KiB as JSON.")


class RecordedSignalSchema(_Schema):
    signal_id: str


@router.post(
    "/signals",
    summary="Record a signal",
    description="Of a handle that does not exist it is answered in the same way, kept aside, and counts nowhere.",
    status_code=201,
    response_model=RecordedSignalSchema,
    responses=documented(
        errors.InvalidSignalError,
        errors.InvalidCtxError,
        errors.RequestTimeoutError,
        errors.PayloadTooLargeError,
        errors.RateLimitedError,
        errors.StoreUnavailableError,
    ),
    openapi_extra=documented_body(SignalSchema),
)
async def post_signal(request: Request) -> JSONResponse:
    application: Application = request.app.state.application()
    client = client_of(request.scope, application.settings.trusted_proxies)
    too_often = await refused_by_rate(application.rates, SIGNALS_OF_CLIENT, client.buckets)
    if too_often is not None:
        raise too_often
    signal = application.signals.read(await read_body(request), application.clock())
    too_often = await refused_by_rate(application.rates, SIGNALS_OF_SESSION, [signal.session_id])
    if too_often is not None:
        raise too_often
    ended = await application.signals.record(signal)
    if ended == "session_full":
        raise errors.RateLimitedError(
            f"The session has its {MOST_A_SESSION} signals; begin a new one.", retry_after=_FULL_SECONDS
        )
    return JSONResponse({"signalId": signal.signal_id}, status_code=201, headers={"Cache-Control": "no-store"})
