"""`/v2/handles/{handle}/audit`: who did what with a handle, for its owners and for reviewers."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPBearer

from analytics_core import errors
from analytics_core.access.rules import Action, Door
from analytics_core.api.access_schemas import AuditEventSchema, AuditSchema
from analytics_core.api.analytics_routes import Handle
from analytics_core.api.callers import actor_of, application_of, comes_through
from analytics_core.query.parameters import gathered, known
from analytics_core.query.parse import FIRST_YEAR, LAST_YEAR
from analytics_core.store.audit_events import Audit, AuditEvent
from analytics_core.web.error_responses import documented

router = APIRouter(
    prefix="/v2",
    tags=["Audit"],
    dependencies=[Depends(HTTPBearer(auto_error=False, scheme_name="UserToken")), Depends(comes_through(Door.USERS))],
)

_ERRORS: Final = (
    errors.InvalidLimitError,
    errors.InvalidParameterError,
    errors.MissingBearerTokenError,
    errors.InvalidTokenError,
    errors.TokenExpiredError,
    errors.InsufficientRoleError,
    errors.RateLimitedError,
    errors.StoreUnavailableError,
)
MAX_EVENTS: Final = 1_000
_EVENT_ID: Final = re.compile(r"[0-9a-f]{32}")

Limit = Annotated[str, Query(description="Events, 1 to 1,000, newest first.", examples=["100"])]
Before = Annotated[
    str | None,
    Query(
        description="An RFC 3339 time, for the events before it; or the eventId of the last event read, for the next.",
        examples=["2026-02-25T12:00:00Z"],
    ),
]


@router.get(
    "/handles/{handle}/audit",
    summary="What happened with the handle",
    responses=documented(*_ERRORS, errors.HandleNotFoundError),
)
def of_handle(request: Request, handle: Handle, limit: Limit = "100", before: Before = None) -> AuditSchema:
    application = application_of(request)
    application.policy.check(actor_of(request), Action.READ_AUDIT, handle.lower())
    return _events(request, handle.lower(), limit, before)


@router.get("/audit", summary="What concerns no handle, for reviewers: failed sign-ins", responses=documented(*_ERRORS))
def of_the_platform(request: Request, limit: Limit = "100", before: Before = None) -> AuditSchema:
    application_of(request).policy.check_reviewer(actor_of(request))
    return _events(request, None, limit, before)


def _events(request: Request, handle: str | None, limit: str, before: str | None) -> AuditSchema:
    gathered(known(request.query_params.multi_items(), ("limit", "before")))  # tells what is misspelt or given twice
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= MAX_EVENTS):
        raise errors.InvalidLimitError(f"limit must be a whole number from 1 to {MAX_EVENTS}; got {limit[:40]!r}.")
    log = application_of(request).audit
    found = log.events(handle, limit=int(limit), before=_place(log, handle, before))
    request.scope["clickledger.headers"]["Cache-Control"] = "no-store"
    return AuditSchema(events=[AuditEventSchema.of(event) for event in found])


def _place(log: Audit, handle: str | None, text: str | None) -> datetime | AuditEvent | None:
    """Where the page begins."""
    if not text:
        return None
    if _EVENT_ID.fullmatch(text) and (event := log.find(handle, text)) is not None:
        return event
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise errors.InvalidParameterError(
            "before must be an RFC 3339 time with its offset, such as 2026-02-25T12:00:00Z, or an eventId of this log; "
            f"got {text[:40]!r}."
        )
    return time
