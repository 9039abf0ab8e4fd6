"""What must be counted, from the lines that were written: plain Python that shares nothing with the product but the
names of CloudFront's log fields.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

REALTIME: Final = (
    *("timestamp", "c-ip", "s-ip", "time-to-first-byte", "sc-status", "sc-bytes", "cs-method", "cs-protocol"),
    *("cs-host", "cs-uri-stem", "cs-bytes", "x-edge-location", "x-edge-request-id", "x-host-header", "time-taken"),
    *("cs-protocol-version", "c-ip-version", "cs-user-agent", "cs-referer", "cs-cookie", "cs-uri-query"),
    *("x-edge-response-result-type", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-result-type"),
    *("fle-encrypted-fields", "fle-status", "sc-content-type", "sc-content-len", "sc-range-start", "sc-range-end"),
    *("c-port", "x-edge-detailed-result-type", "c-country", "cs-accept-encoding", "cs-accept"),
    *("cache-behavior-path-pattern", "cs-headers", "cs-header-names", "cs-headers-count", "primary-distribution-id"),
    *("primary-distribution-dns-name", "origin-fbl", "origin-lbl", "asn"),
)
STANDARD: Final = (
    *("date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status"),
    *("cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)", "x-edge-result-type", "x-edge-request-id"),
    *("x-host-header", "cs-protocol", "cs-bytes", "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher"),
    *("x-edge-response-result-type", "cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port"),
    *("time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start"),
    "sc-range-end",
)
STANDARD_JSON: Final = (*STANDARD, "timestamp(ms)", "c-country")

# Agents about which nobody can argue, as logs carry them; whether each is a bot.
AGENTS: Final = {
    "Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)"
    "%20Chrome/131.0.0.0%20Safari/537.36": False,
    "Mozilla/5.0%20(iPhone;%20CPU%20iPhone%20OS%2018_1%20like%20Mac%20OS%20X)%20AppleWebKit/605.1.15"
    "%20(KHTML,%20like%20Gecko)%20Version/18.1%20Mobile/15E148%20Safari/604.1": False,
    "Mozilla/5.0%20(X11;%20Linux%20x86_64;%20rv:133.0)%20Gecko/20100101%20Firefox/133.0": False,
    "Mozilla/5.0%20(compatible;%20Googlebot/2.1;%20+http://www.google.com/bot.html)": True,
    "curl/8.5.0": True,
    "python-requests/2.32.3": True,
}
# Fixed offsets need no database of zones: Nepal has kept this one since 1986.
ZONES: Final = {"UTC": timedelta(0), "Asia/Kathmandu": timedelta(hours=5, minutes=45)}

BUCKETS: Final = ("clicks", "not_redirects", "unknown_hosts", "invalid_slugs", "duplicates", "rejected")
_SLUG: Final = re.compile(r"/[A-Za-z0-9_-]{4,24}")


@dataclass(frozen=True, slots=True)
class Line:
    """What of a log line decides about it."""

    at: datetime
    host: str
    path: str
    status: str
    id: str
    method: str
    protocol: str
    result_type: str
    agent: str


@dataclass(slots=True)
class Day:
    """One day of one handle. Conversions and revenue are those of the day's clicks."""

    clicks: int = 0
    bots: int = 0
    conversions: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict[str, Decimal])

    def __add__(self, other: Day) -> Day:
        revenue = dict(self.revenue)
        for currency, value in other.revenue.items():
            revenue[currency] = revenue.get(currency, Decimal(0)) + value
        return Day(self.clicks + other.clicks, self.bots + other.bots, self.conversions + other.conversions, revenue)


@dataclass(slots=True)
class Oracle:
    """Reads lines and conversions one after another. `hosts`: viewer's host, in small letters, to handle."""

    hosts: Mapping[str, str]
    days: dict[tuple[str, str, str], Day] = field(default_factory=dict[tuple[str, str, str], Day])  # zone, handle, day
    buckets: Counter[str] = field(default_factory=Counter[str])
    _seen: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])

    def day(self, zone: str, handle: str, day: str) -> Day:
        return self.days.get((zone, handle, day), Day())

    def total(self, handle: str) -> Day:
        return sum((day for (zone, one, _), day in self.days.items() if (zone, one) == ("UTC", handle)), Day())

    def copy(self) -> Oracle:
        """As it stands now; for comparisons, not to read on."""
        return Oracle(self.hosts, deepcopy(self.days), self.buckets.copy())

    @property
    def lines(self) -> int:
        return self.buckets.total()

    def read_log(self, kind: str, text: str) -> None:
        for line in _lines(kind, text):
            self.buckets[self._bucket(line)] += 1

    def count_conversion(self, handle: str, clicked_at: datetime, value: Decimal, currency: str) -> None:
        for zone in ZONES:
            day = self._day(zone, handle, clicked_at)
            day.conversions += 1
            day.revenue[currency] = day.revenue.get(currency, Decimal(0)) + value

    def _bucket(self, line: Line | None) -> str:
        """The first thing that is true of a line, in the order of the identity."""
        if line is None:
            return "rejected"
        is_upgrade = line.status == "307" and line.result_type == "Redirect" and line.protocol == "http"
        if line.status not in ("302", "307") or is_upgrade:
            return "not_redirects"
        handle = self.hosts.get(line.host.lower().removesuffix("."))
        if handle is None:
            return "unknown_hosts"
        if not _SLUG.fullmatch(line.path):
            return "invalid_slugs"
        identity = (handle, f"{line.at:%Y%m%d}", line.id)
        if identity in self._seen:
            return "duplicates"
        self._seen.add(identity)
        is_bot = line.method == "HEAD" or AGENTS[line.agent]
        for zone in ZONES:
            day = self._day(zone, handle, line.at)
            day.clicks += 1
            day.bots += is_bot
        return "clicks"

    def _day(self, zone: str, handle: str, at: datetime) -> Day:
        return self.days.setdefault((zone, handle, f"{at + ZONES[zone]:%Y%m%d}"), Day())


def _lines(kind: str, text: str) -> Iterator[Line | None]:
    """The lines of a log; None for one that cannot be read."""
    for line in text.splitlines():
        if kind == "json":
            yield _from_json(line)
        elif not line.startswith("#"):
            yield _from_columns(REALTIME if kind == "realtime" else STANDARD, line.split("\t"))


def _from_json(text: str) -> Line | None:
    try:
        return _line(json.loads(text))
    except ValueError:
        return None


def _from_columns(names: Sequence[str], values: Sequence[str]) -> Line | None:
    return _line(dict(zip(names, values, strict=True))) if len(values) == len(names) else None


def _line(values: Mapping[str, str]) -> Line:
    """Real-time logs call the viewer's host `cs-host` and keep the query in the path; standard logs do not."""
    is_realtime = "timestamp" in values
    if is_realtime:
        at = datetime.fromtimestamp(float(values["timestamp"]), UTC)
    elif "timestamp(ms)" in values:
        at = datetime.fromtimestamp(int(values["timestamp(ms)"]) / 1000, UTC)
    else:
        at = datetime.fromisoformat(f"{values['date']}T{values['time']}+00:00")
    return Line(
        at=at,
        host=values["cs-host" if is_realtime else "x-host-header"],
        path=values["cs-uri-stem"].partition("?")[0],
        status=values["sc-status"],
        id=values["x-edge-request-id"],
        method=values["cs-method"],
        protocol=values["cs-protocol"],
        result_type=values["x-edge-result-type"],
        agent=values["cs-user-agent" if is_realtime else "cs(User-Agent)"],
    )
