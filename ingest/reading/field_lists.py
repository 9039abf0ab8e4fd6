"""Field lists as people write them: on the command line, in the environment, in sources.toml.

Facts: Amazon CloudFront developer guide, "Standard logging reference" and "Use real-time access logs".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from analytics_core.settings import REALTIME_FIELDS
from ingest.reading.log_fields import Fields, UnknownFormatError, normal_name, read_field_list

_NAMES: Final = frozenset(
    [
        *REALTIME_FIELDS.split(","),
        *("cmcd-encoded-bitrate", "cmcd-buffer-length", "cmcd-buffer-starvation", "cmcd-content-id"),
        *("cmcd-object-duration", "cmcd-deadline", "cmcd-measured-throughput", "cmcd-next-object-request"),
        *("cmcd-next-range-request", "cmcd-object-type", "cmcd-playback-rate", "cmcd-requested-maximum-throughput"),
        *("cmcd-streaming-format", "cmcd-session-id", "cmcd-stream-type", "cmcd-startup", "cmcd-top-bitrate"),
        *("cmcd-version", "r-host", "sr-reason", "x-edge-mqcs", "distribution-tenant-id", "connection-id"),
        *("viewer-request-log-data", "viewer-response-log-data"),
        *("date", "time", "timestamp-ms", "distributionid"),  # of standard logs alone
    ]
)
_USED: Final = read_field_list(REALTIME_FIELDS.split(",")).used
_SEPARATOR: Final = re.compile(r"[\s,]+")
_LEAST_LIKENESS: Final = 0.5
_ADVANTAGE: Final = 0.1  # of a field of which something is read: `host` is meant to be cs-host, not r-host


def parse_field_list(written: str | Sequence[str]) -> Fields:
    """The fields of a list with commas, spaces or line feeds between the names, in capitals or small letters.

    Raises UnknownFormatError, which names what is unknown, there twice or missing.
    """
    parts = [written] if isinstance(written, str) else written
    # An underscore is Parquet's hyphen. Brackets stay: they tell a standard log.
    names = [name.lower().replace("_", "-") for part in parts for name in _SEPARATOR.split(part) if name]
    if not names:
        raise UnknownFormatError("it names no field")
    unknown = [name for name in dict.fromkeys(names) if normal_name(name) not in _NAMES]
    if unknown:
        raise UnknownFormatError(f"unknown fields: {', '.join(map(_with_nearest, unknown))}")
    return read_field_list(names)


def _with_nearest(unknown: str) -> str:
    def likeness(name: str) -> float:
        return SequenceMatcher(None, normal_name(unknown), name).ratio() + _ADVANTAGE * (name in _USED)

    nearest = max(sorted(_NAMES), key=likeness)
    return f"{unknown} (did you mean {nearest}?)" if likeness(nearest) >= _LEAST_LIKENESS else unknown
