"""Which handle a host belongs to by its name alone: short links live on `{handle}.{public_domain}`."""

from __future__ import annotations


def host_name(host: str) -> str:
    """A host as sent or logged, without what does not matter: case, port, trailing dot."""
    return host.lower().split(":", 1)[0].rstrip(".")


def label_below(name: str, public_domain: str) -> str | None:
    """`acme` for `acme.links.example`; None for every other host. No custom domain can take such a name."""
    label, _, rest = name.partition(".")
    return label if label and rest == public_domain.lower() else None
