"""Bodies of requests, read only so far as they may be long."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from analytics_core.errors import InvalidParameterError, PayloadTooLargeError

LARGEST_BODY: Final = 16 * 1024


async def read_body(request: Request) -> bytes:
    """The whole body. Raises PayloadTooLargeError, also for one that does not say its length, before reading it all."""
    told = request.headers.get("content-length", "")
    body = bytearray()
    if not (told.isdecimal() and int(told[:20]) > LARGEST_BODY):
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    break
            else:
                return bytes(body)
        except ClientDisconnect:
            raise InvalidParameterError("The connection was closed in the middle of the body.") from None
    raise PayloadTooLargeError(f"The body must have at most {LARGEST_BODY:,} bytes.")


def documented_body(schema: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI part of an operation that reads its body by itself."""
    content = {"application/json": {"schema": schema.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}
