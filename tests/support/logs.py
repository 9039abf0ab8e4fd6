"""CloudFront log lines in every format, from one description of a request."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from analytics_core.settings import REALTIME_FIELDS

REALTIME = tuple(REALTIME_FIELDS.split(","))
LEAST = ("timestamp", "sc-status", "cs-host", "cs-uri-stem", "x-edge-request-id")  # that show a click
STANDARD = (
    *("date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status"),
    *("cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)", "x-edge-result-type", "x-edge-request-id"),
    *("x-host-header", "cs-protocol", "cs-bytes", "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher"),
    *("x-edge-response-result-type", "cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port"),
    *("time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start"),
    "sc-range-end",
)
START = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
CHROME = (
    "Mozilla/5.0%20(Macintosh;%20Intel%20Mac%20OS%20X%2010_15_7)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)"
    "%20Chrome/131.0.0.0%20Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0%20(iPhone;%20CPU%20iPhone%20OS%2018_1%20like%20Mac%20OS%20X)%20AppleWebKit/605.1.15%20(KHTML,%20like%20Gecko)"
    "%20Version/18.1%20Mobile/15E148%20Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0%20(compatible;%20Googlebot/2.1;%20+http://www.google.com/bot.html)"


@dataclass(frozen=True)
class Request:
    """One request as CloudFront would log it. The distribution's own domain is the host that is not the viewer's."""

    number: int = 0
    at: datetime | None = None
    host: str = "acme.clickledger.localhost"
    path: str = "/launch"
    query: str = "-"
    status: str = "302"
    request_id: str | None = None
    method: str = "GET"
    protocol: str = "https"
    user_agent: str = CHROME
    referrer: str = "-"
    address: str = "203.0.113.7"
    country: str = "DE"
    result_type: str = "FunctionGeneratedResponse"

    @property
    def time(self) -> datetime:
        return self.at or START + timedelta(seconds=37 * self.number)

    @property
    def id(self) -> str:
        return self.request_id if self.request_id is not None else f"{self.number:0>38}AbCdEfGhIjKlMnOp=="

    def but(self, **changes: object) -> Request:
        return replace(self, **changes)  # type: ignore[arg-type]

    def values(self) -> dict[str, str]:
        """Every field that means something, by CloudFront's names in both spellings."""
        uri = self.path if self.query == "-" else f"{self.path}?{self.query}"
        both = {
            "c-ip": self.address,
            "sc-status": self.status,
            "cs-method": self.method,
            "cs-protocol": self.protocol,
            "x-edge-request-id": self.id,
            "cs-uri-query": self.query,
            "x-edge-result-type": self.result_type,
            "x-edge-response-result-type": self.result_type,
            "c-country": self.country,
            "x-edge-location": "FRA56-P1",
        }
        realtime = {
            "timestamp": f"{self.time.timestamp():.3f}",
            "cs-host": self.host,
            "x-host-header": "d111111abcdef8.cloudfront.net",
            "cs-uri-stem": uri,
            "cs-user-agent": self.user_agent,
            "cs-referer": self.referrer,
        }
        standard = {
            "date": f"{self.time:%Y-%m-%d}",
            "time": f"{self.time:%H:%M:%S}",
            "timestamp": f"{self.time.timestamp():.3f}",
            "DistributionId": "E2EXAMPLE",
            "timestamp(ms)": str(int(self.time.timestamp() * 1000)),
            "cs(Host)": "d111111abcdef8.cloudfront.net",
            "x-host-header": self.host,
            "cs-uri-stem": self.path,
            "cs(User-Agent)": self.user_agent,
            "cs(Referer)": self.referrer,
        }
        return {f"realtime:{name}": value for name, value in (both | realtime).items()} | {
            f"standard:{name}": value for name, value in (both | standard).items()
        }

    def line(self, fields: Sequence[str] = REALTIME) -> str:
        kind = "standard" if any("(" in name for name in fields) or "timestamp" not in fields else "realtime"
        values = self.values()
        return "\t".join(values.get(f"{kind}:{name}", "-") for name in fields)


def requests(count: int, start: int = 0) -> list[Request]:
    return [Request(number) for number in range(start, start + count)]


def realtime_text(items: Iterable[Request], fields: Sequence[str] = REALTIME) -> str:
    return "".join(item.line(fields) + "\n" for item in items)


def standard_text(items: Iterable[Request], fields: Sequence[str] = STANDARD) -> str:
    return f"#Version: 1.0\n#Fields: {' '.join(fields)}\n" + "".join(item.line(fields) + "\n" for item in items)


def json_text(items: Iterable[Request], fields: Sequence[str] = (*STANDARD, "timestamp(ms)", "c-country")) -> str:
    rows = (dict(zip(fields, item.line(fields).split("\t"), strict=True)) for item in items)
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_parquet(
    path: Path, items: Iterable[Request], fields: Sequence[str] = (*STANDARD, "timestamp(ms)", "c-country")
) -> None:
    names = [name.replace("(", "_").replace(")", "").replace("-", "_").lower() for name in fields]
    rows = [item.line(fields).split("\t") for item in items]
    pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").write_parquet(path)


def write(path: Path, text: str | bytes) -> Path:
    """Writes text, gzipped where the name says so, as a file that was last written to an hour ago."""
    data = text.encode() if isinstance(text, str) else text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    age(path)
    return path


def age(path: Path) -> None:
    """Lets an hour pass since the file was last written to."""
    written = path.stat().st_mtime_ns - 3_600 * 10**9
    os.utime(path, ns=(written, written))
