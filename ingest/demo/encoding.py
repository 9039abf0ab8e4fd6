"""Percent-encoding as CloudFront writes it to its logs (developer guide, "Use real-time access logs")."""

from __future__ import annotations

from typing import Final

_ENCODED: Final = frozenset([*range(33), *range(127, 256), *b"<>\"#%{}|\\^~[]`'"])
_TEXT: Final = {byte: f"%{byte:02X}" for byte in _ENCODED}


def encode(value: str) -> str:
    return value.encode().decode("latin-1").translate(_TEXT)  # one character a byte
