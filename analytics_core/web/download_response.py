"""A download on its way to a client: no faster than it reads, and no longer than it is there."""

from __future__ import annotations

from typing import Final

import anyio
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from analytics_core.engines.engine import StreamCancelledError
from analytics_core.exports import Download

_PART_BYTES: Final = 65_536
_STALLED_SECONDS: Final = 60.0  # for one part: a client that reads slower holds a slot that others wait for
_CANCEL_SECONDS: Final = 0.1


class BrokenOffError(Exception):
    """A download that ends in the middle. The server cuts the connection, so that no client takes it for complete."""


class DownloadResponse(Response):
    """Sends a Download and closes it."""

    def __init__(self, download: Download) -> None:
        super().__init__(
            media_type=download.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="{download.filename}"',
                "X-Export-Manifest": download.manifest.id,
                "Cache-Control": "private, no-store",
            },
        )
        del self.headers["content-length"]
        self._download = download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (ASGI's call)
        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch, receive)
                try:
                    await self._send_all(send)
                except StreamCancelledError:
                    pass  # nobody is there any more
                except Exception as error:  # from within a group it would be told as a group of errors
                    failure = error
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(self._download.close)
        if failure is not None:
            raise BrokenOffError(f"Export {self._download.manifest.id} was broken off.") from failure

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        pieces = self._download.pieces()
        while (piece := await run_sync(next, pieces, None)) is not None:
            for start in range(0, len(piece), _PART_BYTES):
                with anyio.fail_after(_STALLED_SECONDS):
                    await send(
                        {"type": "http.response.body", "body": piece[start : start + _PART_BYTES], "more_body": True}
                    )
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, receive: Receive) -> None:
        """Stops the work when the client leaves."""
        while (await receive())["type"] != "http.disconnect":
            pass
        while True:
            self._download.cancel()
            await anyio.sleep(_CANCEL_SECONDS)
