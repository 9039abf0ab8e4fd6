"""Where a browser fetches a download that a screen has begun: once, and soon, at an address that nobody can guess.

The screen has asked the policy when it began the download; the address is the right to this one file.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytics_core.errors import NotFoundError
from analytics_core.exports import Download
from analytics_core.web.download_response import DownloadResponse
from analytics_core.web.error_responses import error_with_id

SCRIPT_PATH: Final = "/session/download.js"
_PATH: Final = "/session/downloads/{ticket}"
_PICKUP_SECONDS: Final = 30.0

# Follows the address of the element that loads it, as a click on a link would. A script of its own: the content
# security policy lets none run that stands in the page.
_SCRIPT: Final = (
    "{const script = document.currentScript, link = document.createElement('a'); "
    "link.href = new URL('downloads/' + script.dataset.ticket, script.src); "
    "link.download = ''; document.body.append(link); link.click(); link.remove();}"
)

_waiting: dict[str, tuple[Download, threading.Timer]] = {}


def leave(download: Download) -> str:
    """The ticket with which a browser may fetch it. One that nobody fetches in time is closed."""
    ticket = secrets.token_urlsafe(32)
    timer = threading.Timer(_PICKUP_SECONDS, _give_up, [ticket])
    timer.daemon = True
    _waiting[ticket] = download, timer
    timer.start()
    return ticket


def _take(ticket: str) -> Download | None:
    download, timer = _waiting.pop(ticket, (None, None))
    if timer is not None:
        timer.cancel()
    return download


def _give_up(ticket: str) -> None:
    if (download := _take(ticket)) is not None:
        download.close()


async def _fetch(request: Request) -> Response:
    if request.method == "HEAD":  # a look does not use the ticket up
        return Response(status_code=405, headers={"Allow": "GET"})
    download = _take(request.path_params["ticket"])
    if download is None:
        return error_with_id(request, NotFoundError("This download was fetched already, or waited too long."))
    return DownloadResponse(download)


async def _script(_: Request) -> Response:
    return Response(_SCRIPT, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def routes(base: str) -> list[Route]:
    """Below the base path of the dashboard, or an empty one."""
    return [Route(base + _PATH, _fetch, methods=["GET"]), Route(base + SCRIPT_PATH, _script)]
