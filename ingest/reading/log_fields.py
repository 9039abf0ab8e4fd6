"""CloudFront's log formats: what the fields are called, what they mean, and which of them a line must have.

Facts: Amazon CloudFront developer guide, "Standard logging reference" and "Use real-time access logs".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import polars as pl

EPOCH_FLOOR: Final = "2008-11-18"  # CloudFront's first day: an earlier time is a broken one
LINE_BYTES: Final = 64 * 2**10  # a longer line is none of CloudFront's
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
    "query": pl.String,  # of the short link
    "headers": pl.String,
    "asn": pl.String,
}

# Our column ← CloudFront's field, in the one spelling of `normal_name`. The host is one of two: `Fields.hosts`.
_REQUIRED: Final = {"path": "cs-uri-stem", "status": "sc-status", "request_id": "x-edge-request-id"}
_OPTIONAL: Final = {
    "method": "cs-method",
    "protocol": "cs-protocol",
    "result_type": "x-edge-result-type",
    "response_result_type": "x-edge-response-result-type",
    "user_agent": "cs-user-agent",
    "referrer": "cs-referer",
    "client_address": "c-ip",
    "country": "c-country",
    "query": "cs-uri-query",
    "headers": "cs-headers",
    "asn": "asn",
}

_LATER: Final = {"cs-uri-query", "cs-headers", "asn"}  # release 0.1.0 read lines without them

# A visitor who denies consent is nobody that could be known again: their lines are read without an address.
_HEADERS: Final = "cs-headers"  # `Name:value%0AName:value`, of real-time logs alone
_DENIED: Final = r"(?i-u)(?:^|%0A)(?:sec-gpc|dnt):1(?:%0A|$)"


# What only one kind of log has, in the one spelling of `normal_name`. Names in brackets are a standard log's, too.
_STANDARD_ONLY: Final = {"date", "time", "timestamp-ms", "distributionid", "distribution-id"}
_REALTIME_ONLY: Final = {
    *("s-ip", "c-ip-version", "cs-accept", "cs-accept-encoding", _HEADERS, "cs-header-names", "cs-headers-count"),
    *("primary-distribution-id", "primary-distribution-dns-name", "r-host", "sr-reason", "x-edge-mqcs"),
}
_REALTIME_SPELLINGS: Final = {"cs-host", "cs-user-agent", "cs-referer", "cs-cookie"}  # `cs(Host)` in standard logs
_DISTRIBUTION: Final = r"(?i)\.cloudfront\.(?:net|cn)\.?$"  # a distribution's own domain
_LEAST_MILLISECONDS: Final = 1e11  # as seconds beyond the year 5000, as milliseconds long before CloudFront

_REMEMBERED_LISTS: Final = 100

# Whose field list it is. `unclear`: names in a spelling of somebody's own, all of which both kinds have.
Kind = Literal["standard", "real-time", "unclear"]


class UnknownFormatError(Exception):
    """The object holds no CloudFront log that can be read; the message is the reason that the ledger keeps."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The field list of one stretch of log, with where each thing that we need stands in it.

    Real-time logs carry the viewer's host as `cs-host`; standard logs carry it as `x-host-header`, where `cs(Host)` is
    the distribution's own domain. Real-time logs put the query behind the path.
    """

    names: tuple[str, ...]
    kind: Kind

    @property
    def hosts(self) -> tuple[str, ...]:
        """The field of the viewer's host. When it is unclear which of two that is, both."""
        both = ("cs-host", "x-host-header") if self.kind == "real-time" else ("x-host-header", "cs-host")
        carried = tuple(name for name in both if name in self.names)
        return carried if self.kind == "unclear" else carried[:1]

    @property
    def time_fields(self) -> tuple[str, ...]:
        if self.kind == "real-time":
            return ("timestamp",)
        choices = (("timestamp-ms",), ("date", "time"), ("timestamp",))
        return next((choice for choice in choices if set(choice) <= set(self.names)), ())

    @property
    def optional(self) -> dict[str, str]:
        """Our column → CloudFront's field, for those that this log carries and a click does not need."""
        return {column: name for column, name in _OPTIONAL.items() if name in self.names}

    @property
    def used(self) -> frozenset[str]:
        """The fields of which anything is read."""
        return frozenset({*self.hosts, *_REQUIRED.values(), *self.time_fields, *self.optional.values()})

    @property
    def _needed(self) -> frozenset[str]:
        return self.used - _LATER

    @property
    def least_columns(self) -> int:
        """How many columns a line must have. Real-time lines have all; standard lines may lack last ones not needed."""
        if self.kind == "real-time":
            return len(self.names)
        return max(self.names.index(name) for name in self._needed) + 1

    @property
    def last_is_needed(self) -> bool:
        return self.names[-1] in self._needed


def normal_name(name: str) -> str:
    """One spelling of a field: `cs(User-Agent)` and `cs_user_agent` are `cs-user-agent`."""
    return re.sub(r"[(_]", "-", name.strip().lower()).rstrip(")")


def read_field_list(names: Sequence[str]) -> Fields:
    """Raises UnknownFormatError when the fields cannot show a click, naming what is missing or there twice."""
    return _read_field_list(tuple(names))


@lru_cache(_REMEMBERED_LISTS)  # every object of a source has the same
def _read_field_list(names: tuple[str, ...]) -> Fields:
    normal = tuple(normal_name(name) for name in names)
    repeated = sorted({name for name in normal if normal.count(name) > 1})
    if repeated:
        raise UnknownFormatError(f"repeated fields: {', '.join(repeated)}")
    fields = Fields(normal, _kind({name.strip().lower() for name in names}, set(normal)))
    missing = [name for name in _REQUIRED.values() if name not in normal]
    if not fields.hosts:
        missing.insert(0, "cs-host" if fields.kind == "real-time" else "x-host-header")
    if not fields.time_fields:
        missing.insert(0, "time")
    if missing:
        raise UnknownFormatError(f"missing fields: {', '.join(missing)}")
    return fields


def _kind(spelled: set[str], normal: set[str]) -> Kind:
    """Both kinds may have `timestamp`, and most other names: only what one of them alone has tells them apart."""
    is_standard = bool(normal & _STANDARD_ONLY) or any("(" in name for name in spelled)
    is_realtime = bool(normal & _REALTIME_ONLY or spelled & _REALTIME_SPELLINGS) or any(
        name.startswith("cmcd-") for name in normal
    )
    if "timestamp" not in normal or (is_standard and not is_realtime):
        return "standard"
    return "real-time" if is_realtime and not is_standard else "unclear"


def fields_of_directive(line: str) -> Fields:
    """The field list of a `#Fields:` header, separated by spaces or tabs."""
    return read_field_list(line.split(":", 1)[1].split())


def to_lines(rows: pl.LazyFrame, fields: Fields, numbers: int | pl.Series, *beside: pl.Expr) -> pl.DataFrame:
    """Brings the columns `fields.used` (all String) to LINE_COLUMNS; `numbers`: of each line, or the first one.

    A null is an empty value, which says what `-` says. A time or a status that cannot be read becomes null. The path
    loses its query: real-time logs put it there. What `beside` says of the rows stands in further columns.
    """
    carried = {column: pl.col(name) for column, name in (_REQUIRED | fields.optional).items()} | {"host": _host(fields)}
    if "client_address" in carried and _HEADERS in fields.names:
        is_denied = pl.col(_HEADERS).str.contains(_DENIED)
        carried["client_address"] = pl.when(is_denied).then(pl.lit("-")).otherwise(carried["client_address"])
    absent = {column: pl.lit(None, dtype=pl.String) for column in _OPTIONAL if column not in carried}
    number = pl.lit(numbers) if isinstance(numbers, pl.Series) else pl.int_range(pl.len(), dtype=pl.Int64) + numbers
    path, queries = pl.col("path"), dict[str, pl.Expr]()
    if fields.kind != "standard":
        parts = path.str.splitn("?", 2).struct  # a query may hold a question mark, too
        path = parts.field("field_0")
        if fields.kind == "real-time" and "query" not in carried:
            queries["query"] = parts.field("field_1").fill_null("-")
    lines = (
        rows.with_columns(line_number=number)
        .select("line_number", *beside, _time(fields).alias("at"), **carried, **absent)
        .with_columns(path.alias("path"), pl.col("status").cast(pl.Int16, strict=False), **queries)
        .select(*LINE_COLUMNS, *(one.meta.output_name() for one in beside))
        .collect(engine="in-memory")
    )
    # Seldom there are any, and asking costs nothing: no column is filled that has none.
    with_empty = [name for name in carried if name != "status" and lines[name].null_count()]
    return lines.with_columns(pl.col(with_empty).fill_null("-")) if with_empty else lines


def _host(fields: Fields) -> pl.Expr:
    first, *others = map(pl.col, fields.hosts)
    for other in others:  # of which one is the distribution's own
        first = pl.when(first.str.contains(_DISTRIBUTION)).then(other).otherwise(first)
    return first


def _time(fields: Fields) -> pl.Expr:
    if fields.time_fields == ("date", "time"):
        text = pl.concat_str("date", pl.lit(" "), "time")
        return text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False).dt.replace_time_zone("UTC")
    [name] = fields.time_fields
    number = pl.col(name).cast(pl.Float64, strict=False)
    seconds = (number * 1000).round()
    if name == "timestamp-ms":
        milliseconds = number
    elif fields.kind == "real-time":
        milliseconds = seconds
    else:  # no page says which of the two a standard log has
        milliseconds = pl.when(number < _LEAST_MILLISECONDS).then(seconds).otherwise(number)
    whole = pl.when(milliseconds.is_between(0, _LAST_MILLISECOND)).then(milliseconds.cast(pl.Int64, strict=False))
    return (whole * 1000).cast(pl.Datetime("us", "UTC"))
