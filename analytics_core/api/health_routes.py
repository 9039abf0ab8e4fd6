"""Is it alive, is it ready, how is it doing: for load balancers and Prometheus. No token needed, no secret told."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from anyio import fail_after
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from analytics_core.api.lake_threads import PROBES
from analytics_core.bootstrap import Application
from analytics_core.errors import StoreUnavailableError
from analytics_core.web.error_responses import documented

router = APIRouter(tags=["Health"])

PATHS: Final = ("/healthz", "/readyz", "/metrics")

_METRICS_SECONDS: Final = 3  # for the lake, of the ten that Prometheus waits


@router.head("/healthz", include_in_schema=False)  # load balancers ask so
@router.get("/healthz", summary="The process runs")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Lake and database answer",
    response_model=dict[str, str],
    responses=documented(StoreUnavailableError),
)
@PROBES.route
def readyz(request: Request) -> JSONResponse:
    application: Application = request.app.state.application()
    application.database.ping()
    data_version = application.analytics.data_version()
    application.lake.check()  # what is kept in memory would not tell that it is gone
    return JSONResponse({"status": "ok", "dataVersion": data_version})


@router.get(
    "/metrics",
    summary="Counts for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    application: Application = request.app.state.application()
    observations = request.app.state.observations
    with suppress(StoreUnavailableError):  # /readyz tells that; the last sync that was known stays the last one
        updated = (await run_in_threadpool(application.analytics.freshness)).last_updated_at
        observations.last_sync.set(updated.timestamp() if updated else 0)
    try:
        with fail_after(_METRICS_SECONDS):
            tallies = (await PROBES.run(application.lake.snapshot)).tallies
    except (StoreUnavailableError, TimeoutError):
        observations.misfit_rows.clear()
    else:
        for facts, tally in tallies.items():
            observations.misfit_rows.labels(facts).set(tally.held - tally.facts)
    return Response(observations.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
