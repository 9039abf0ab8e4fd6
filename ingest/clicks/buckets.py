"""Which lines are clicks: every line of a block is put in exactly one bucket, as a pure function of the line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from analytics_core.names import SLUG
from analytics_core.store.lake_tables import UTC_MICROSECONDS
from ingest.classify import classify_headers, decode_once
from ingest.classify.request_headers import HEADER_COLUMNS
from ingest.clicks.known_hosts import KnownHosts
from ingest.reading.blocks import Block
from ingest.reading.lines import parse, with_raw
from ingest.reading.log_fields import EPOCH_FLOOR

SLUG_PATTERN: Final = f"^{SLUG}$"
CLOCK_AHEAD: Final = timedelta(hours=24)  # a later time than this ahead of ours is a broken clock

CANDIDATE_COLUMNS: Final = {
    "line_number": pl.Int64,
    "at": UTC_MICROSECONDS,
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
    "query": pl.String,
    "purpose": pl.String,
    "fetch_mode": pl.String,
    "fetch_dest": pl.String,
    "asn": pl.String,
    "day": pl.Date,
    "handle": pl.String,
    "slug": pl.String,
}

CANDIDATE: Final = "click"
NOT_REDIRECT: Final = "not_redirects"
UNKNOWN_HOST: Final = "unknown_hosts"
INVALID_SLUG: Final = "invalid_slugs"
REJECTED: Final = "rejected"
_BUCKETS: Final = pl.Enum([CANDIDATE, NOT_REDIRECT, UNKNOWN_HOST, INVALID_SLUG, REJECTED])


@dataclass(frozen=True, slots=True)
class SortedLines:
    """`candidates`: clicks unless they are duplicates, with `handle`, `slug` and `day` added. `days`: one row a UTC
    day and bucket (day: null when the time could not be read; bucket; lines). `rejected`: REJECTED_COLUMNS.
    `unknown_hosts`: the numbers of lines in that bucket."""

    candidates: pl.DataFrame
    days: pl.DataFrame
    rejected: pl.DataFrame
    unknown_hosts: pl.Series


def sort_lines(block: Block, hosts: KnownHosts, now: datetime, *, trailing_slash: bool = False) -> SortedLines:
    """Puts every line in one bucket: rejected, not a redirect, unknown host, invalid slug, or candidate.

    With `trailing_slash` a slash after the slug does not matter.
    """
    parsed = parse(block)
    lines = (
        _decoded(parsed.lines)
        .lazy()
        .join(_handles(parsed.lines["host"], hosts), on="host", how="left", maintain_order="left")
        .with_columns(reason=_reject_reason(now), slug=_slug(trailing_slash=trailing_slash))
        .with_columns(
            bucket=_bucket(),
            day=pl.when(pl.col("reason").is_null()).then(pl.col("at").dt.date()),
        )
        .collect(engine="in-memory")
    )
    days = lines.group_by("day", "bucket").agg(lines=pl.len().cast(pl.Int64)).cast({"bucket": pl.String})
    unreadable = {"day": [None], "bucket": [REJECTED], "lines": [parsed.rejected.height]}
    if parsed.rejected.height:
        days = pl.concat([days, pl.DataFrame(unreadable, schema=days.schema)])
    broken = lines.filter(pl.col("bucket") == REJECTED).select("line_number", pl.col("reason").cast(pl.String))
    candidates = lines.filter(pl.col("bucket") == CANDIDATE)
    return SortedLines(
        candidates=_with_header_classes(candidates).select(list(CANDIDATE_COLUMNS)),
        days=days,
        rejected=pl.concat([parsed.rejected, with_raw(broken, block)]) if broken.height else parsed.rejected,
        unknown_hosts=lines.filter(pl.col("bucket") == UNKNOWN_HOST)["line_number"],
    )


def _bucket() -> pl.Expr:
    is_slug = pl.col("slug").str.contains(SLUG_PATTERN).fill_null(value=False)
    return (
        pl.when(pl.col("reason").is_not_null())
        .then(_literal(REJECTED))
        .when(~_is_redirect())
        .then(_literal(NOT_REDIRECT))
        .when(pl.col("handle").is_null())
        .then(_literal(UNKNOWN_HOST))
        .when(~is_slug)
        .then(_literal(INVALID_SLUG))
        .otherwise(_literal(CANDIDATE))
    )


def _literal(bucket: str) -> pl.Expr:
    return pl.lit(bucket, dtype=_BUCKETS)


def _reject_reason(now: datetime) -> pl.Expr:
    floor = pl.lit(EPOCH_FLOOR).str.to_datetime(time_unit="us", time_zone="UTC")
    request_id = pl.col("request_id")
    return (
        pl.when(pl.col("at").is_null() | (pl.col("at") < floor))
        .then(pl.lit("invalid_time"))
        .when(pl.col("at") > now + CLOCK_AHEAD)
        .then(pl.lit("time_in_the_future"))
        .when(pl.col("status").is_null())
        .then(pl.lit("invalid_status"))
        .when(request_id.is_null() | request_id.is_in(["-", ""]))
        .then(pl.lit("missing_request_id"))
    )


def _is_redirect() -> pl.Expr:
    """302 or 307, but not CloudFront's own answer to plain http (307 for methods other than GET and HEAD)."""
    by_cloudfront = (pl.col("result_type") == "Redirect") | (pl.col("response_result_type") == "Redirect")
    over_http = pl.col("protocol").is_null() | pl.col("protocol").str.to_lowercase().is_in(["http", "ws"])
    upgrade = (pl.col("status") == 307) & by_cloudfront.fill_null(value=False) & over_http
    return pl.col("status").is_in([302, 307]) & ~upgrade


def _with_header_classes(candidates: pl.DataFrame) -> pl.DataFrame:
    """Adds HEADER_COLUMNS: the headers themselves, which are long, go no further."""
    logged = candidates["headers"]
    if logged.null_count() == logged.len():
        return candidates.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in HEADER_COLUMNS)
    classes = classify_headers(logged.drop_nulls().unique())
    return candidates.join(classes, on="headers", how="left", maintain_order="left")


def _handles(logged: pl.Series, hosts: KnownHosts) -> pl.LazyFrame:
    """(host, handle) of every host that was logged."""
    names: list[str] = logged.drop_nulls().unique().to_list()
    found = {"host": names, "handle": [hosts.handle(name) for name in names]}
    return pl.LazyFrame(found, schema={"host": pl.String, "handle": pl.String})


def _decoded(lines: pl.DataFrame) -> pl.DataFrame:
    """The same lines with percent-encoded paths (rare) decoded once, one distinct path at a time."""
    encoded = lines["path"].filter(lines["path"].str.contains("%", literal=True)).unique()
    return lines.with_columns(pl.col("path").replace(encoded, decode_once(encoded))) if encoded.len() else lines


def _slug(*, trailing_slash: bool) -> pl.Expr:
    """The path without its slash, and without one at its end where that does not matter; null where it has none."""
    path = pl.col("path")
    rest = path.str.slice(1)
    return pl.when(path.str.starts_with("/")).then(rest.str.strip_suffix("/") if trailing_slash else rest)
