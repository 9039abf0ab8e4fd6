"""What a short link answers: the same decisions as `deploy/edge/redirect.js`, as pure functions."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from analytics_core.errors import InvalidCtxError, LinkExpiredError, NotFoundError
from analytics_core.store.links import Link
from analytics_core.tracking.ctx import Consent, Context, mint, verify

_LAST_POSITION: Final = 1_000_000
_URL_CHARACTERS: Final = ":/%#?=@[]!$&'()*+,;"  # of RFC 3986: they stay as they are
_REQUEST_ID_BYTES: Final = 40  # 54 characters and two equals signs, as CloudFront's


def new_request_id() -> str:
    """An opaque id in the style of CloudFront's `x-edge-request-id`."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_REQUEST_ID_BYTES)).decode()


def in_force(link: Link | None, now: datetime) -> Link:
    """The link, if it redirects. Raises NotFoundError for one that is unknown or disabled, LinkExpiredError."""
    if link is None or not link.enabled:
        raise NotFoundError("This link does not exist.")
    if link.expires_at is not None and now >= link.expires_at:
        raise LinkExpiredError("This link has expired.")
    return link


def destination(
    link: Link,
    click_id: str,
    *,
    given: str | None,
    consent: Consent,
    keys: Sequence[str],
    ttl: timedelta,
    now: datetime,
) -> str:
    """Where the link leads, with a new ctx when its tracking policy says so. `given`: the ctx of the request."""
    url = link.destination_url
    if link.append_context_param:
        before = _continued(given, keys, now)
        context = Context(
            handle=link.handle,
            slug=link.slug,
            click_id=click_id,
            clicked_at=now,
            session_id=before.session_id if before else None,
            position=min((before.position or 0) + 1, _LAST_POSITION) if before else None,
            consent=consent,
        )
        url = with_ctx(url, mint(context, keys, ttl))
    return in_a_header(url)


def in_a_header(url: str) -> str:
    """The URL with everything percent-encoded that a header or a URL cannot hold: blanks, line ends, letters beyond
    ASCII. Here and at the edge alike."""
    return quote(url, safe=_URL_CHARACTERS)


def with_ctx(url: str, token: str) -> str:
    """The URL with `ctx=`, before its fragment, in place of a ctx that it has; the rest stays as it is."""
    address, hash_mark, fragment = url.partition("#")
    path, _, query = address.partition("?")
    kept = [part for part in query.split("&") if part.split("=", 1)[0] != "ctx"] if query else []
    return f"{path}?{'&'.join([*kept, f'ctx={token}'])}{hash_mark}{fragment}"


def consent_of(headers: Mapping[str, str]) -> Consent:
    """Denied by Global Privacy Control or Do Not Track."""
    return "denied" if headers.get("sec-gpc") == "1" or headers.get("dnt") == "1" else "full"


def _continued(given: str | None, keys: Sequence[str], now: datetime) -> Context | None:
    if given is None:
        return None
    try:
        return verify(given, keys, now)
    except InvalidCtxError:  # a visitor is redirected with or without it
        return None
