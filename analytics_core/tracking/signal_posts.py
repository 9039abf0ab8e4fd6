"""The door of signals: what may be posted of a visitor's behaviour."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics_core.errors import InvalidSignalError
from analytics_core.names import HANDLE
from analytics_core.store import signal_table as table
from analytics_core.store.group_commit import GroupCommit
from analytics_core.store.ids import time_ordered_id
from analytics_core.store.signal_table import Signal, SignalOutcome
from analytics_core.tracking import ctx
from analytics_core.tracking.posted_fields import Fields, parse_fields

METADATA_BYTES: Final = 4 * 1024
_HANDLE: Final = re.compile(HANDLE)
_SESSION: Final = re.compile(r"sig_(?P<handle>[a-z0-9-]{1,63})_[0-9]{1,17}_[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class Signals:
    """Writes signals by way of the process's writer. `ctx_keys`: the secrets that verify a ctx."""

    writer: GroupCommit
    ctx_keys: Sequence[str]

    def read(self, body: bytes, now: datetime) -> Signal:
        """What was posted. Raises InvalidSignalError or InvalidCtxError; nobody is told whether the handle exists."""
        fields = parse_fields(body, InvalidSignalError)
        context = self._context(fields, now)
        handle = _handle(fields, context)
        return Signal(
            signal_id=time_ordered_id(now),
            handle=handle,
            session_id=_session_id(fields, handle),
            slug=context.slug if context else None,
            click_id=context.click_id if context else None,
            clicked_at=context.clicked_at if context else None,
            consent=context.consent if context else None,
            signal_key=fields.text("signalKey", 64),
            signal_value=fields.text("signalValue", 256, may_be_empty=True),
            confidence=float(fields.number("confidence", 0, 1)),
            source=fields.optional_text("source", 64),
            metadata=_metadata(fields),
            at=now,
        )

    def record(self, signal: Signal) -> asyncio.Future[SignalOutcome]:
        """How the post ended, when that is durable."""
        return self.writer.submit(table.record, signal)

    def _context(self, fields: Fields, now: datetime) -> ctx.Context | None:
        token = fields.values.get("ctx")
        if token is None:
            return None
        if not isinstance(token, str):
            raise InvalidSignalError("ctx must be the token that the redirect appended to the destination.")
        return ctx.verify(token, self.ctx_keys, now)


def _handle(fields: Fields, context: ctx.Context | None) -> str:
    given = fields.values.get("handle")
    if given is None and context is not None:
        return context.handle
    handle = given.lower() if isinstance(given, str) else ""
    if not _HANDLE.fullmatch(handle):
        raise InvalidSignalError(f"handle must be a handle where there is no ctx; {fields.got('handle')}.")
    if context is not None and handle != context.handle:
        raise InvalidSignalError(f"handle must be the handle of the ctx, or be left out; {fields.got('handle')}.")
    return handle


def _session_id(fields: Fields, handle: str) -> str:
    found = _SESSION.fullmatch(fields.text("sessionId", 255))
    if found is None or found["handle"] != handle:
        raise InvalidSignalError(
            f"sessionId must be sig_{handle}_{{timestamp}}_{{randomId}}; {fields.got('sessionId')}."
        )
    return found[0]


def _metadata(fields: Fields) -> str | None:
    """JSON in ASCII, so that every database holds it."""
    given = fields.values.get("metadata")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidSignalError(f"metadata must be an object; {fields.got('metadata')}.")
    try:
        text = json.dumps(given, default=float, allow_nan=False, separators=(",", ":"))
    except (ValueError, OverflowError):
        raise InvalidSignalError(
            "metadata must hold only numbers that a double holds, at most about 1.8e308."
        ) from None
    if len(json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "surrogatepass")) > METADATA_BYTES:
        raise InvalidSignalError(f"metadata must have at most {METADATA_BYTES:,} bytes.")
    return text
