"""The door of conversions: what may be posted, what a replay is, and what becomes of a post that is refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from iso4217 import Currency

from analytics_core.errors import ClickledgerError, InvalidConversionError, InvalidCtxError, RateLimitedError
from analytics_core.store import conversion_ledger as ledger
from analytics_core.store.conversion_ledger import Conversion, Outcome, Post, RecordedPost, Refusal
from analytics_core.store.group_commit import GroupCommit
from analytics_core.store.ids import time_ordered_id
from analytics_core.tracking import ctx
from analytics_core.tracking.posted_fields import Fields, parse_fields

CURRENCIES: Final = frozenset(currency.code for currency in Currency)
LARGEST_VALUE: Final = 10**12
SMALLEST_STEP: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Conversions:
    """Writes conversions by way of the process's writer. `ctx_keys`: the secrets that verify a ctx."""

    writer: GroupCommit
    ctx_keys: Sequence[str]

    def read(self, body: bytes, now: datetime) -> Post:
        """What was posted. Raises InvalidConversionError or InvalidCtxError; an expired ctx is told by `record`."""
        fields = parse_fields(body, InvalidConversionError)
        token = fields.values.get("ctx")
        if not isinstance(token, str):
            raise InvalidConversionError("ctx must be the token that the redirect appended to the destination.")
        event_type, key = fields.text("eventType", 64), fields.text("idempotencyKey", 255)
        value_e4 = _value_e4(fields)
        currency = _currency(fields, value_e4)
        context, has_expired = self._context(token, now)
        content = json.dumps([context.click_id, event_type, value_e4, currency])
        conversion = Conversion(
            conversion_id=time_ordered_id(now),
            handle=context.handle,
            idempotency_key=key,
            content=hashlib.sha256(content.encode()).hexdigest(),
            slug=context.slug,
            click_id=context.click_id,
            clicked_at=context.clicked_at,
            session_id=context.session_id,
            position=context.position,
            consent=context.consent,
            event_type=event_type,
            value_e4=value_e4,
            currency=currency,
            at=now,
        )
        return Post(conversion, has_expired)

    def record(self, post: Post) -> asyncio.Future[RecordedPost]:
        """How the post ended, when that is durable. `expired` is for the caller to refuse."""
        return self.writer.submit(ledger.record, post)

    def refuse(self, error: ClickledgerError, body: bytes, now: datetime) -> asyncio.Future[RecordedPost]:
        """Counts a post that was refused with the error."""
        return self.writer.submit(ledger.record, Refusal(_claimed_handle(body), now.date(), _outcome(error)))

    def _context(self, token: str, now: datetime) -> tuple[ctx.Context, bool]:
        try:
            return ctx.verify(token, self.ctx_keys, now), False
        except InvalidCtxError as error:
            if error.reason != "expired":
                raise
            return ctx.verify(token, self.ctx_keys, now, accept_expired=True), True


def expired() -> InvalidCtxError:
    return InvalidCtxError("The ctx has expired; a conversion is posted soon after its click.", reason="expired")


def _value_e4(fields: Fields) -> int:
    """The value in 1/10,000; 0 when it is left out. A null is refused: it is what JSON makes of a NaN."""
    if "value" not in fields.values:
        return 0
    value = fields.number("value", 0, LARGEST_VALUE)
    exact = value.quantize(SMALLEST_STEP)
    if exact != value:
        raise InvalidConversionError(f"value must have at most 4 decimals; {fields.got('value')}.")
    return int(exact.scaleb(4))


def _currency(fields: Fields, value_e4: int) -> str | None:
    given = fields.values.get("currency")
    if given is None and value_e4:
        raise InvalidConversionError("currency is required with a value: an ISO 4217 code such as USD.")
    if given is None:
        return None
    code = given.upper() if isinstance(given, str) else ""
    if code not in CURRENCIES:
        raise InvalidConversionError(f"currency must be an ISO 4217 code such as USD; {fields.got('currency')}.")
    return code


def _claimed_handle(body: bytes) -> str | None:
    try:
        token = parse_fields(body, InvalidConversionError).values.get("ctx")
    except InvalidConversionError:
        return None
    return ctx.claimed_handle(token) if isinstance(token, str) else None


def _outcome(error: ClickledgerError) -> Outcome:
    """A ctx that is not of this platform, or of a time to come, counts as one that nobody here signed."""
    if isinstance(error, RateLimitedError):
        return "rate_limited"
    return "bad_signature" if isinstance(error, InvalidCtxError) else "invalid_field"
