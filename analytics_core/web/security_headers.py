"""Headers that tell a browser what an answer may do: nothing, except for the page that describes the API."""

from __future__ import annotations

from typing import Final

DOCS_PATH: Final = "/v2/docs"

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
_DOCS: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; style-src 'unsafe-inline'"
_ONE_YEAR: Final = "max-age=31536000; includeSubDomains"


def security_headers(path: str, scheme: str, policy: str | None = None) -> dict[str, str]:
    """The headers of an answer; `policy` is the content security policy of another application than the API."""
    own = _DOCS if path == DOCS_PATH else _NOTHING
    headers = _ALWAYS | {"Content-Security-Policy": policy or own}
    return headers | ({"Strict-Transport-Security": _ONE_YEAR} if scheme in ("https", "wss") else {})
