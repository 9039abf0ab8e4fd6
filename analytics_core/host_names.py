"""Names of hosts: how they are compared, and which handle owns a host by its name (`{handle}.{public_domain}`)."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import idna

_LONGEST_NAME: Final = 253  # of DNS


def host_name(host: str) -> str:
    """A host as sent or logged, without what does not matter: case, port, trailing dot."""
    return host.lower().split(":", 1)[0].rstrip(".")


def ascii_name(name: str) -> str:
    """An international name as browsers send it (`xn--…`); what is none stays as it is."""
    if name.isascii() or len(name) > _LONGEST_NAME:
        return name
    with suppress(UnicodeError):
        return idna.encode(name, uts46=True).decode()
    with suppress(UnicodeError):  # an older rule lets more pass: a `_` beside letters beyond ASCII
        return name.encode("idna").decode()
    return name


def referring_name(host: str) -> str:
    """A referring host as clicks keep it: small letters, ASCII, no trailing dot, no leading `www.` of a longer name."""
    name = ascii_name(host.lower().rstrip("."))
    return name.removeprefix("www.") if name.count(".") > 1 else name


def label_below(name: str, public_domain: str) -> str | None:
    """`acme` for `acme.links.example`; None for every other host. No custom domain can take such a name."""
    label, _, rest = name.partition(".")
    return label if label and rest == public_domain.lower() else None
