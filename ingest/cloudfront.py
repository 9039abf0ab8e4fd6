"""CloudFront's log formats: what the fields are called, what they mean, and which of them a line must have.

Facts: Amazon CloudFront developer guide, "Standard logging reference" and "Use real-time access logs".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

EPOCH_FLOOR: Final = "2008-11-18"  # CloudFront's first day: an earlier time is a broken one
_LAST_MILLISECOND: Final = 253_402_300_799_999  # of the year 9999: what is later is no time at all

# What every format is brought to: one row a line. A null means that the log does not carry the field.
LINE_COLUMNS: Final[dict[str, type[pl.DataType]]] = {
    "line_number": pl.Int64,
    "at": pl.Datetime,
    "host": pl.String,
    "path": pl.String,  # without query
    "status": pl.Int16,
    "request_id": pl.String,
    "method": pl.String,
    "protocol": pl.String,
    "result_type": pl.String,
    "response_result_type": pl.String,
    "user_agent": pl.String,
    "referrer": pl.String,
    "client_address": pl.String,
    "country": pl.String,
}

# Our column ← CloudFront's field, in the one spelling of `normal_name`.
_OPTIONAL: Final = {
    "method": "cs-method",
    "protocol": "cs-protocol",
    "result_type": "x-edge-result-type",
    "response_result_type": "x-edge-response-result-type",
    "user_agent": "cs-user-agent",
    "referrer": "cs-referer",
    "client_address": "c-ip",
    "country": "c-country",
}

# A visitor who denies consent is nobody that could be known again: their lines are read without an address.
_HEADERS: Final = "cs-headers"  # `Name:value%0AName:value`, of real-time logs alone
_DENIED: Final = r"(?i-u)(?:^|%0A)(?:sec-gpc|dnt):1(?:%0A|$)"


class UnknownFormatError(Exception):
    """The object holds no CloudFront log that can be read; the message is the reason that the ledger keeps."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The field list of one stretch of log, with where each thing that we need stands in it.

    Real-time logs carry the viewer's host as `cs-host`; standard logs carry it as `x-host-header`, where `cs(Host)` is
    the distribution's own domain.
    """

    names: tuple[str, ...]
    host: str
    is_realtime: bool

    @property
    def needed(self) -> dict[str, str]:
        """Our column → CloudFront's field, for those that this log carries."""
        columns = {"host": self.host, "path": "cs-uri-stem", "status": "sc-status", "request_id": "x-edge-request-id"}
        columns |= {column: name for column, name in _OPTIONAL.items() if name in self.names}
        return columns

    @property
    def time_fields(self) -> tuple[str, ...]:
        if self.is_realtime:
            return ("timestamp",)
        return ("timestamp-ms",) if "timestamp-ms" in self.names else ("date", "time")

    @property
    def least_columns(self) -> int:
        """How many columns a line must have. Real-time lines have all; standard lines may lack optional last ones."""
        if self.is_realtime:
            return len(self.names)
        required = (*self.time_fields, self.host, "cs-uri-stem", "sc-status", "x-edge-request-id")
        return max(self.names.index(name) for name in required) + 1

    @property
    def last_is_read(self) -> bool:
        """Whether the last column says anything that we take."""
        return self.names[-1] in (*self.needed.values(), *self.time_fields, _HEADERS)


def normal_name(name: str) -> str:
    """One spelling of a field: `cs(User-Agent)` and `cs_user_agent` are `cs-user-agent`."""
    return re.sub(r"[(_]", "-", name.strip().lower()).rstrip(")")


def read_field_list(names: Sequence[str]) -> Fields:
    """Raises UnknownFormatError when the fields cannot show a click, naming what is missing or there twice."""
    normal = tuple(normal_name(name) for name in names)
    repeated = sorted({name for name in normal if normal.count(name) > 1})
    if repeated:
        raise UnknownFormatError(f"repeated fields: {', '.join(repeated)}")
    is_realtime = "timestamp" in normal
    hosts = ("cs-host", "x-host-header") if is_realtime else ("x-host-header", "cs-host")
    host = next((name for name in hosts if name in normal), None)
    missing = [name for name in ("cs-uri-stem", "sc-status", "x-edge-request-id") if name not in normal]
    if host is None:
        missing.insert(0, hosts[0])
    if not is_realtime and "timestamp-ms" not in normal and not {"date", "time"} <= set(normal):
        missing.insert(0, "time")
    if missing or host is None:
        raise UnknownFormatError(f"missing fields: {', '.join(missing)}")
    return Fields(normal, host, is_realtime)


def fields_of_directive(line: str) -> Fields:
    """The field list of a `#Fields:` header, separated by spaces or tabs."""
    return read_field_list(line.split(":", 1)[1].split())


def to_lines(rows: pl.LazyFrame, fields: Fields, numbers: int | pl.Series, *beside: pl.Expr) -> pl.LazyFrame:
    """Brings columns named as `fields.names` (all String) to LINE_COLUMNS; `numbers`: of each line, or the first one.

    A time or a status that cannot be read becomes null. The path loses its query: real-time logs put it there.
    What `beside` says of the rows stands in further columns.
    """
    carried = {column: pl.col(name) for column, name in fields.needed.items()}
    if "client_address" in carried and _HEADERS in fields.names:
        carried["client_address"] = pl.when(~pl.col(_HEADERS).str.contains(_DENIED)).then(carried["client_address"])
    absent = {column: pl.lit(None, dtype=pl.String) for column in _OPTIONAL if column not in carried}
    number = pl.lit(numbers) if isinstance(numbers, pl.Series) else pl.int_range(pl.len(), dtype=pl.Int64) + numbers
    path = pl.col("path").str.split_exact("?", 1).struct.field("field_0") if fields.is_realtime else pl.col("path")
    return (
        rows.with_columns(line_number=number)
        .select("line_number", *beside, _time(fields).alias("at"), **carried, **absent)
        .with_columns(path.alias("path"), pl.col("status").cast(pl.Int16, strict=False))
        .select(*LINE_COLUMNS, *(one.meta.output_name() for one in beside))
    )


def _time(fields: Fields) -> pl.Expr:
    match fields.time_fields:
        case ("timestamp",):
            milliseconds = (pl.col("timestamp").cast(pl.Float64, strict=False) * 1000).round()
        case ("timestamp-ms",):
            milliseconds = pl.col("timestamp-ms").cast(pl.Float64, strict=False)
        case _:
            text = pl.concat_str("date", pl.lit(" "), "time")
            return text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False).dt.replace_time_zone("UTC")
    whole = pl.when(milliseconds.is_between(0, _LAST_MILLISECOND)).then(milliseconds.cast(pl.Int64, strict=False))
    return (whole * 1000).cast(pl.Datetime("us", "UTC"))
