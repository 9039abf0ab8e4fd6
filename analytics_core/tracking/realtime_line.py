"""One request as CloudFront writes it to a real-time log: the canonical fields 1 to 46, tab-separated.

Facts: Amazon CloudFront developer guide, "Use real-time access logs".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics_core.settings import REALTIME_FIELDS

Header = tuple[bytes, bytes]

_NAMES: Final = REALTIME_FIELDS.split(",")
_ENCODED: Final = frozenset([*range(33), *range(127, 256), *b"<>\"#%{}|\\^~[]`'"])
_TEXT: Final = {byte: f"%{byte:02X}" for byte in _ENCODED}
_HEADERS_BYTES: Final = 800
_PRIVATE: Final = (b"authorization", b"cookie")
_RESULT: Final = "FunctionGeneratedResponse"
_COUNTRY_HEADER: Final = b"cloudfront-viewer-country"


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """A request and its answer. `uri` is the path as it was sent, with the query; `seconds` until the answer."""

    at: datetime
    request_id: str
    address: str
    port: int
    method: str
    scheme: str
    host: bytes
    uri: bytes
    http_version: str
    headers: Sequence[Header]  # names in small letters
    status: int
    answer_bytes: int
    content_type: str
    content_length: int
    seconds: float


def line_of(served: ServedRequest) -> bytes:
    """The line, with its end."""
    first = dict(reversed(served.headers))
    query = served.uri.partition(b"?")[2]
    request_bytes = len(served.method) + len(served.uri) + 12 + _size(served.headers)
    seconds = f"{served.seconds:.3f}"
    values = {
        "timestamp": f"{int(served.at.timestamp() * 1_000) / 1_000:.3f}",
        "c-ip": served.address,
        "time-to-first-byte": seconds,
        "sc-status": str(served.status),
        "sc-bytes": str(served.answer_bytes),
        "cs-method": served.method,
        "cs-protocol": served.scheme,
        "cs-host": _encoded(served.host),
        "cs-uri-stem": _encoded(served.uri),
        "cs-bytes": str(request_bytes),
        "x-edge-request-id": served.request_id,
        "time-taken": seconds,
        "cs-protocol-version": f"HTTP/{served.http_version}",
        "c-ip-version": "IPv6" if ":" in served.address else "IPv4",
        "cs-user-agent": _encoded(first.get(b"user-agent", b"")),
        "cs-referer": _encoded(first.get(b"referer", b"")),
        "cs-uri-query": _encoded(query),
        "x-edge-response-result-type": _RESULT,
        "x-forwarded-for": _encoded(first.get(b"x-forwarded-for", b"")),
        "x-edge-result-type": _RESULT,
        "sc-content-type": _encoded(served.content_type.encode()),
        "sc-content-len": str(served.content_length),
        "c-port": str(served.port),
        "x-edge-detailed-result-type": _RESULT,
        "c-country": _country(first.get(_COUNTRY_HEADER, b"")),
        "cs-accept-encoding": _encoded(first.get(b"accept-encoding", b"")),
        "cs-accept": _encoded(first.get(b"accept", b"")),
        "cs-headers": _headers(served.headers),
        "cs-header-names": _encoded(b"".join(name + b"\n" for name, _ in served.headers))[:_HEADERS_BYTES],
        "cs-headers-count": str(len(served.headers)),
    }
    return ("\t".join(values.get(name) or "-" for name in _NAMES) + "\n").encode()


def _encoded(value: bytes) -> str:
    return value.decode("latin-1").translate(_TEXT)  # one character a byte


def _size(headers: Sequence[Header]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _country(value: bytes) -> str:
    return value.decode() if len(value) == 2 and value.isalpha() and value.isupper() else "-"


def _headers(headers: Sequence[Header]) -> str:
    """Whole headers, up to what CloudFront keeps of them, without those that open doors."""
    kept = ""
    for name, value in headers:
        one = "" if name in _PRIVATE else _encoded(name + b":" + value + b"\n")
        if len(kept) + len(one) > _HEADERS_BYTES:
            break
        kept += one
    return kept
