"""Which handle a request's host belongs to: `{handle}.{public_domain}`, or one of its own domains."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

import structlog

from analytics_core.errors import StoreUnavailableError
from analytics_core.host_names import host_name, label_below
from analytics_core.store.links import Links

_REMEMBERED_SECONDS: Final = 10.0
_MOST_REMEMBERED: Final = 10_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HostLookup:
    """Remembers answers for some seconds: every request of a dashboard on a host of its own asks."""

    links: Links
    public_domain: str
    _remembered: dict[str, tuple[float, str | None]] = field(default_factory=dict[str, tuple[float, str | None]])

    def is_remembered(self, host: str) -> bool:
        """Whether `handle` answers without a wait."""
        until, _ = self._remembered.get(host_name(host), (0.0, None))
        return time.monotonic() < until

    def handle(self, host: str) -> str | None:
        """The handle of a Host header; case, port and trailing dot do not matter.

        Raises StoreUnavailableError for a name below the public domain: nothing else answers there.
        """
        name = host_name(host)
        now = time.monotonic()
        until, handle = self._remembered.get(name, (now, None))
        if now < until:
            return handle
        label = label_below(name, self.public_domain)
        try:
            handle = (
                self.links.handle_of_domain(name) if label is None else label if self.links.is_handle(label) else None
            )
        except StoreUnavailableError:
            if label is not None:
                raise
            log.warning("host_not_looked_up", host=name)
            return None
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[name] = now + _REMEMBERED_SECONDS, handle
        return handle
