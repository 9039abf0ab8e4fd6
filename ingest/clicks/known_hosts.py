"""Known hosts: which handle the host of a log line belongs to, and a version that changes when that does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from analytics_core.host_names import host_name, label_below

# Raise it when the host of some lines is read otherwise than before: `sync --full` then reads them again.
_READING_VERSION: Final = "2"
_REMEMBERED_HOSTS: Final = 200_000


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """Which handle a viewer's host belongs to: `{handle}.{public_domain}` and custom domains."""

    public_domain: str
    handles: frozenset[str]
    domains: Mapping[str, str]
    _found: dict[str, str | None] = field(default_factory=dict[str, str | None], compare=False, repr=False)

    def handle(self, host: str) -> str | None:
        """The handle of a host as logged; case, port and trailing dot do not matter."""
        try:
            return self._found[host]
        except KeyError:
            if len(self._found) > _REMEMBERED_HOSTS:
                self._found.clear()
            return self._found.setdefault(host, self._handle(host))

    def version(self) -> str:
        """The same as long as the same hosts are known, and read of lines in the same way."""
        known = "\n".join(
            [_READING_VERSION, self.public_domain, *sorted(self.handles), *sorted(map("=".join, self.domains.items()))]
        )
        return hashlib.blake2b(known.encode(), digest_size=16).hexdigest()

    def _handle(self, host: str) -> str | None:
        name = host_name(host)
        label = label_below(name, self.public_domain)
        if label is None:
            return self.domains.get(name)
        return label if label in self.handles else None
