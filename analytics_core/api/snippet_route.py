"""`GET /v2/public/clickledger.js`: the script that a shop's page loads. `docs/snippet.js` is its source."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Header
from starlette.responses import Response

router = APIRouter(prefix="/v2/public", tags=["Public"])

_SCRIPT: Final = (Path(__file__).parent / "static" / "clickledger.js").read_bytes()
_ETAG: Final = f'"{hashlib.sha256(_SCRIPT).hexdigest()[:32]}"'
_HEADERS: Final = {
    "ETag": _ETAG,
    "Cache-Control": "public, max-age=3600",
    # Pages of any origin may load it: also those that isolate themselves, and those that check its integrity.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@router.get(
    "/clickledger.js",
    summary="The script for a shop's page",
    description="Keeps the ctx of the short link that led to the page, and offers `clickledger.convert(…)`.",
    response_class=Response,
    responses={
        200: {"content": {"text/javascript": {"schema": {"type": "string"}}}},
        304: {"description": "Nothing changed since the ETag."},
    },
)
def script(if_none_match: Annotated[str | None, Header()] = None) -> Response:
    given = {part.strip().removeprefix("W/") for part in (if_none_match or "").split(",")}
    if _ETAG in given or "*" in given:
        return Response(status_code=304, headers=_HEADERS)
    return Response(_SCRIPT, media_type="text/javascript", headers=_HEADERS)
