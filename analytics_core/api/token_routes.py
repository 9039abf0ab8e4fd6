"""`/v2/handles/{handle}/tokens`: personal access tokens, made, listed and revoked."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.security import HTTPBearer
from starlette.responses import Response

from analytics_core import errors
from analytics_core.access.rules import Action, Door
from analytics_core.api.access_schemas import MadeTokenSchema, TokenRequest, TokenSchema, TokensSchema
from analytics_core.api.analytics_routes import Handle
from analytics_core.api.bodies import documented_body, parsed_body, read_body
from analytics_core.api.callers import actor_of, application_of, comes_through
from analytics_core.web.error_responses import documented, request_id

router = APIRouter(
    prefix="/v2/handles/{handle}/tokens",
    tags=["Tokens"],
    dependencies=[Depends(HTTPBearer(auto_error=False, scheme_name="UserToken")), Depends(comes_through(Door.USERS))],
)

_ERRORS: Final = (
    errors.MissingBearerTokenError,
    errors.InvalidTokenError,
    errors.TokenExpiredError,
    errors.InsufficientRoleError,
    errors.FeatureLockedError,
    errors.HandleNotFoundError,
    errors.RateLimitedError,
    errors.StoreUnavailableError,
)
_BODY: Final = (errors.InvalidParameterError, errors.RequestTimeoutError, errors.PayloadTooLargeError)


@router.post(
    "",
    status_code=201,
    summary="Make a token; its secret is shown this once",
    responses=documented(*_BODY, *_ERRORS),
    openapi_extra=documented_body(TokenRequest),
)
def make(request: Request, handle: Handle, body: Annotated[bytes, Depends(read_body)]) -> MadeTokenSchema:
    application = application_of(request)
    application.policy.check(actor_of(request), Action.MAKE_TOKENS, handle.lower())  # before the body is looked at
    wanted = parsed_body(body, TokenRequest)
    made = application.personal_tokens.make(
        actor_of(request),
        handle.lower(),
        name=wanted.name,
        scopes=tuple(wanted.scopes),
        expires_at=wanted.expires_at,
        now=application.clock(),
        request_id=request_id(request),
    )
    request.scope["clickledger.headers"]["Cache-Control"] = "no-store"
    return MadeTokenSchema(**TokenSchema.of(made.token).model_dump(), token=made.secret_text)


@router.get("", summary="The handle's tokens, without their secrets", responses=documented(*_ERRORS))
def listed(request: Request, handle: Handle) -> TokensSchema:
    found = application_of(request).personal_tokens.of_handle(actor_of(request), handle.lower())
    request.scope["clickledger.headers"]["Cache-Control"] = "no-store"
    return TokensSchema(tokens=[TokenSchema.of(token) for token in found])


@router.delete(
    "/{tokenId}", status_code=204, summary="Revoke a token", responses=documented(errors.NotFoundError, *_ERRORS)
)
def revoke(
    request: Request, handle: Handle, token_id: Annotated[str, Path(alias="tokenId", examples=["0123456789abcdef"])]
) -> Response:
    application = application_of(request)
    application.personal_tokens.revoke(
        actor_of(request), handle.lower(), token_id, now=application.clock(), request_id=request_id(request)
    )
    return Response(status_code=204)
