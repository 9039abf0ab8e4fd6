"""What the routes about access take and give: personal access tokens and audit events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from analytics_core.access.personal_tokens import MAX_NAME
from analytics_core.access.scopes import SCOPES
from analytics_core.store.access_tokens import AccessToken
from analytics_core.store.audit_events import AuditEvent


class _Schema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class TokenRequest(_Schema):
    """`scopes`: `analytics.read`, `analytics.export`, or `analytics.*` for both."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Nightly", "scopes": ["analytics.*"]}]}
    )

    name: str = Field(min_length=1, max_length=MAX_NAME)
    scopes: list[str] = Field(min_length=1, max_length=len(SCOPES))
    expires_at: AwareDatetime | None = Field(None, description="Until when the token is valid; for good without it.")


class TokenSchema(_Schema):
    """A token, without its secret. `lastUsedAt` is exact to the minute."""

    token_id: str
    name: str
    handle: str
    scopes: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: AccessToken) -> TokenSchema:
        return cls(
            token_id=token.token_id,
            name=token.name,
            handle=token.handle,
            scopes=list(token.scopes),
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
        )


class MadeTokenSchema(TokenSchema):
    """The only answer that holds the secret."""

    token: str = Field(examples=["patv1_0123456789abcdef.…"])


class TokensSchema(_Schema):
    tokens: list[TokenSchema]


class AuditEventSchema(_Schema):
    """`detail` holds what it takes to understand the action, and no secret."""

    event_id: str
    at: datetime
    actor: str
    handle: str | None
    action: str = Field(examples=["token.created"])
    detail: dict[str, Any]
    request_id: str

    @classmethod
    def of(cls, event: AuditEvent) -> AuditEventSchema:
        return cls(
            event_id=event.event_id,
            at=event.at,
            actor=event.actor,
            handle=event.handle,
            action=event.action,
            detail=dict(event.detail),
            request_id=event.request_id,
        )


class AuditSchema(_Schema):
    events: list[AuditEventSchema]
