"""The key set of the sign-in service: cached, asked again for an unknown key id, never more than twice a minute."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any, Final

from jwt import PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

CACHED_SECONDS: Final = 600  # a key that was withdrawn is trusted no longer than this
COOLDOWN_SECONDS: Final = 30
TIMEOUT_SECONDS: Final = 5


class KeySet(PyJWKClient):
    """PyJWT's client, which after a failure waits before it asks again: made-up key ids cannot keep it waiting."""

    def __init__(self, url: str) -> None:
        # Keys are not cached beside the set: they would outlive it.
        super().__init__(
            url, cache_keys=False, lifespan=CACHED_SECONDS, timeout=TIMEOUT_SECONDS, cooldown_duration=COOLDOWN_SECONDS
        )
        self._failed_at: float | None = None

    def fetch_data(self) -> Any:
        if self._failed_at is not None and time.monotonic() - self._failed_at < COOLDOWN_SECONDS:
            raise PyJWKClientConnectionError("The key set did not answer a moment ago.")
        try:
            fetched = super().fetch_data()
        except (PyJWTError, ValueError) as error:  # no answer, none that holds a usable key, or (ValueError) no JSON
            self._failed_at = time.monotonic()
            raise PyJWKClientConnectionError("The key set does not answer.") from error
        self._failed_at = None
        return fetched


@lru_cache(maxsize=4)
def key_set(url: str) -> KeySet:
    return KeySet(url)
