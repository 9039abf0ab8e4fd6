"""Heads of requests: Uvicorn takes them whole before an application hears of a request, however long or slow they are.

It has no setting for that, and chooses its protocol before it imports an application. So `limit_request_heads` changes
what its protocol does, for every server of this process: `streamlit run app.py` and `uvicorn analytics_core.api:app`.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast
from uuid import uuid4

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from analytics_core.errors import ClickledgerError, RequestHeadTooLargeError, RequestTimeoutError
from analytics_core.web.security_headers import security_headers

LARGEST_HEAD: Final = 65_536  # bytes: request line and header fields
_LINGER_SECONDS: Final = 2.0
_GRACE_SECONDS: Final = 0.2


def limit_request_heads(seconds: float) -> None:
    """From now on a connection is refused that sends a head of more than LARGEST_HEAD bytes (431), or takes longer
    than that to send one (408)."""
    LimitedHeads.seconds = seconds
    HttpToolsProtocol.__new__ = cast(Any, _limited)  # a running server has the class itself, and keeps it


def _limited(asked: type[HttpToolsProtocol], *_: object, **__: object) -> HttpToolsProtocol:
    return object.__new__(LimitedHeads if asked is HttpToolsProtocol else asked)


class LimitedHeads(HttpToolsProtocol):
    """Uvicorn's protocol of one connection. Between requests, keep-alive limits the time as it always did."""

    seconds: float = 10.0

    _pending = 0  # bytes since the last one that ended a head or belonged to a body
    _has_progressed = False
    _deadline: asyncio.TimerHandle | None = None  # of the head that is arriving
    _refusal: ClickledgerError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:  # read and dropped, so that the client reads its answer
            return
        self._has_progressed = False
        self._pending += len(data)
        super().data_received(data)
        if self._has_progressed:
            self._pending = 0
        elif self._pending > LARGEST_HEAD and self._refusal is None:
            self._refuse(_TOO_LARGE)
        elif not self._is_answering():  # Uvicorn has ended the time between requests, also for an empty line
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_complete()
        if self._pending > LARGEST_HEAD and self._head_bytes() > LARGEST_HEAD:
            self._refusal = _TOO_LARGE
            raise ValueError(_TOO_LARGE.message)  # the parser stops, and Uvicorn refuses by send_400_response
        self._has_progressed = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._has_progressed = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        if self._refusal is not None:
            self._refuse(self._refusal)
        else:
            super().send_400_response(msg)

    def _await_head(self) -> None:
        if self._deadline is None and self._refusal is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.seconds, self._head_is_late)

    def _head_is_complete(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        """The bytes may be there all the same, where this process was too busy to read them: they come first now."""
        self._deadline = self.loop.call_later(_GRACE_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        if self._is_answering():  # earlier requests come first: the server may have stopped reading for them
            self._await_head()
        elif self._pending:
            self._refuse(RequestTimeoutError(f"The head of a request must arrive within {self.seconds:g} seconds."))
        else:  # a browser opens connections before it needs them
            self.transport.close()

    def _is_answering(self) -> bool:
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return cycle is not None and not cycle.response_complete

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse(self, error: ClickledgerError) -> None:
        """Answers where no answer is under way, and lets the client go on for a moment: a connection that is closed
        with unread bytes is reset, and the answer lost."""
        self._refusal = error
        self._head_is_complete()
        if self.transport.is_closing():
            return
        if not self._is_answering():
            self.transport.write(_answer(error))
            if self.transport.can_write_eof():
                self.transport.write_eof()
                self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
                return
        self.transport.close()


_TOO_LARGE: Final = RequestHeadTooLargeError(f"The head of a request may have {LARGEST_HEAD:,} bytes at most.")


def _answer(error: ClickledgerError) -> bytes:
    request_id = uuid4().hex
    body = orjson.dumps({"error": error.code, "message": error.message, "requestId": request_id})
    headers = security_headers("", "http") | {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Request-Id": request_id,
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
