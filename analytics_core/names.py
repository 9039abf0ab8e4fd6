"""What a handle and a slug look like. `deploy/edge/redirect.js` repeats these patterns; a test holds them equal."""

from __future__ import annotations

from typing import Final

HANDLE: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # a label of a host name, as browsers send it
SLUG: Final = "[A-Za-z0-9_-]{4,24}"
