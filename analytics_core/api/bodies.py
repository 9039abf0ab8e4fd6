"""Bodies of requests, read only so far as they may be long."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from analytics_core.errors import InvalidParameterError, PayloadTooLargeError
from analytics_core.validation import complaint

LARGEST_BODY: Final = 16 * 1024
REFUSED_BODY: Final = "clickledger.refused_body"  # of a scope: why there is no body

_Schema = TypeVar("_Schema", bound=BaseModel)


async def read_body(request: Request) -> bytes:
    """The whole body. Raises PayloadTooLargeError, also for one that does not say its length, before reading it all."""
    if (refused := request.scope.get(REFUSED_BODY)) is not None:
        raise refused
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
            raise InvalidParameterError("The connection was closed before the whole body had arrived.") from None
    raise PayloadTooLargeError(f"The body must have at most {LARGEST_BODY:,} bytes.")


def parsed_body(body: bytes, schema: type[_Schema]) -> _Schema:
    """The body as JSON of the schema. Raises InvalidParameterError with the first thing that is wrong."""
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "The body"
        raise InvalidParameterError(f"{where} {complaint(first)}.") from None


def documented_body(schema: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI part of an operation that reads its body by itself."""
    content = {"application/json": {"schema": schema.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}
