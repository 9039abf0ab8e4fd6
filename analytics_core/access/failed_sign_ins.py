"""Failed sign-ins: each is told to the audit log, but one address cannot fill the log with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from limits import RateLimitItemPerMinute

from analytics_core.access.rate_limits import RateLimits
from analytics_core.errors import ClickledgerError
from analytics_core.store.account_lookup import Accounts
from analytics_core.store.audit_events import Audit, AuditEvent

UNKNOWN: Final = "(unknown)"  # a token that proves nobody names nobody, whatever it claims

_KEPT: Final = RateLimitItemPerMinute(10, namespace="failed-sign-ins")


class FailedSignIns:
    def __init__(self, audit: Audit, accounts: Accounts, rates: RateLimits) -> None:
        self._audit = audit
        self._accounts = accounts
        self._rates = rates

    def failed(
        self,
        error: ClickledgerError,
        *,
        door: str,
        addresses: Sequence[str],
        now: datetime,
        handle: str | None = None,
        request_id: str = "",
    ) -> None:
        """Notes that somebody was turned away at a door. The addresses are counted by, and not kept."""
        if not all(self._rates.take(_KEPT, address).is_within for address in addresses):
            return
        known = handle if handle and self._accounts.find(handle) else None
        detail = {"reason": error.code, "door": door}
        self._audit.add(AuditEvent(now, UNKNOWN, known, "sign_in.failed", detail, request_id))
