"""Hostile logs: many days out of order, the same request in several logs and formats, and lines that are no clicks."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from soak.oracle import AGENTS, REALTIME, STANDARD, STANDARD_JSON, ZONES

HANDLES: Final = ("acme", "bolt", "zed")
PUBLIC_DOMAIN: Final = "clickledger.localhost"
DOMAINS: Final = {"go.acme.example": "acme"}
SLUGS: Final = ("launch", "about", "Summer_26", "a-b-c-d", "menu")

_COUNTRIES: Final = ("DE", "NP", "US", "BR", "JP")
_REFERRERS: Final = ("-", "-", "https://www.instagram.com/", "https://t.co/x", "https://news.example/today")
_SUFFIXES: Final = {"realtime": ".gz", "growing": ".log", "standard": ".gz", "json": ".gz"}


def hosts() -> dict[str, str]:
    """Viewer's host to handle."""
    return {f"{handle}.{PUBLIC_DOMAIN}": handle for handle in HANDLES} | DOMAINS


def accounts(version: int) -> dict[str, Any]:
    """The accounts file. Its versions differ in what moves no count: people, titles, campaigns."""
    campaigns = [{"campaignId": "spring", "name": "Spring"}, {"campaignId": "summer", "name": "Summer"}]

    def link(place: int, slug: str) -> dict[str, Any]:
        moved = campaigns[(place + version) % 2]["campaignId"]
        return {"slug": slug, "destinationUrl": f"https://shop.example/{slug}/{version % 3}", "campaignId": moved}

    handles = [
        {
            "handle": handle,
            "plan": "ENTERPRISE",
            "planSince": "2026-01-01T00:00:00Z",
            "domains": [domain for domain, owner in DOMAINS.items() if owner == handle],
            "timezone": "Asia/Kathmandu",
            "collaborators": [{"userId": f"user_{version % 5}", "role": "OWNER"}],
            "campaigns": campaigns,
            "links": [link(place, slug) for place, slug in enumerate(SLUGS)],
        }
        for handle in HANDLES
    ]
    return {"handles": handles}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the edge saw it; every log format can tell of it."""

    id: str
    at: datetime
    host: str
    path: str
    status: str
    method: str
    protocol: str
    result_type: str
    agent: str
    address: str
    country: str
    referrer: str

    def values(self) -> dict[str, str]:
        """By CloudFront's field names, but for those that mean different things in different logs."""
        return {
            "c-ip": self.address,
            "sc-status": self.status,
            "cs-method": self.method,
            "cs-protocol": self.protocol,
            "x-edge-location": "KTM50-P1",
            "x-edge-request-id": self.id,
            "x-edge-result-type": self.result_type,
            "x-edge-response-result-type": self.result_type,
            "c-country": self.country,
        }

    def realtime(self) -> str:
        own = {
            "timestamp": f"{self.at.timestamp():.3f}",
            "cs-host": self.host,
            "x-host-header": "d111111abcdef8.cloudfront.net",
            "cs-uri-stem": f"{self.path}?from=mail",
            "cs-user-agent": self.agent,
            "cs-referer": self.referrer,
        }
        return _tabbed(REALTIME, self.values() | own)

    def standard(self) -> dict[str, str]:
        own = {
            "date": f"{self.at:%Y-%m-%d}",
            "time": f"{self.at:%H:%M:%S}",
            "timestamp(ms)": str(round(self.at.timestamp() * 1000)),
            "cs(Host)": "d111111abcdef8.cloudfront.net",
            "x-host-header": self.host,
            "cs-uri-stem": self.path,
            "cs-uri-query": "from=mail",
            "cs(User-Agent)": self.agent,
            "cs(Referer)": self.referrer,
        }
        return self.values() | own


def _tabbed(names: Sequence[str], values: Mapping[str, str]) -> str:
    return "\t".join(values.get(name, "-") for name in names)


@dataclass(frozen=True, slots=True)
class Days:
    """The UTC days that logs are of: so many, the last one yesterday when the run began."""

    first: date
    count: int

    def asked(self) -> dict[str, str]:
        """As parameters of the API, in every zone."""
        return {"fromDay": _day(self.first, -1), "toDay": _day(self.first, self.count + 1)}

    def asked_to_now(self) -> dict[str, str]:
        """And the days on which people post."""
        return {"fromDay": _day(self.first, -1), "toDay": _day(self.first, self.count + 10)}


def _day(first: date, later: int) -> str:
    return f"{first + timedelta(days=later):%Y%m%d}"


@dataclass(frozen=True, slots=True)
class Log:
    """A log that arrives. `kind`: realtime, standard or json, as the oracle reads it. A log that `grows` is appended to
    the file of its name."""

    source: str
    name: str
    kind: str
    text: str
    grows: bool = False


class Traffic:
    """What the edge logs of these days: the same of the same seed, round after round."""

    def __init__(self, seed: str, days: Days) -> None:
        self._days = days
        self._chance = random.Random(seed)
        self._requests: list[Request] = []
        self._logs = 0

    def round(self, logs: int, lines: int) -> Iterator[Log]:
        """So many logs of so many lines each."""
        for _ in range(logs):
            yield self._log(lines)

    def click(self) -> Request:
        """A request of a log that was written, or is still to come; a click or not."""
        return self._chance.choice(self._requests)

    def _log(self, lines: int) -> Log:
        chance = self._chance
        self._logs += 1
        kind = chance.choice(("realtime", "realtime", "growing", "standard", "json"))
        source = "realtime" if kind in ("realtime", "growing") else "standard"
        days = chance.sample(range(self._days.count), min(self._days.count, 4))
        written = [self._line(kind, days) for _ in range(lines)]
        text = "".join(f"{line}\n" for line in written)
        if kind == "standard":
            text = f"#Version: 1.0\n#Fields: {' '.join(STANDARD)}\n{text}"
        name = "growing" if kind == "growing" else f"{self._logs:06}"
        read_as = "realtime" if kind == "growing" else kind
        return Log(source, f"{name}{_SUFFIXES[kind]}", read_as, text, grows=kind == "growing")

    def _line(self, kind: str, days: Sequence[int]) -> str:
        if self._chance.random() < 0.01:
            return '{"broken":' if kind == "json" else "garbage"
        request = self._request(days)
        match kind:
            case "standard":
                return _tabbed(STANDARD, request.standard())
            case "json":
                values = request.standard()
                return json.dumps({name: values.get(name, "-") for name in STANDARD_JSON})
            case _:
                return request.realtime()

    def _request(self, days: Sequence[int]) -> Request:
        """A new request, or one that a log told of before."""
        chance = self._chance
        if self._requests and chance.random() < 0.12:
            return chance.choice(self._requests)
        status = chance.choices(("302", "307", "404", "200"), (70, 20, 7, 3))[0]
        is_upgrade = status == "307" and chance.random() < 0.05
        known = chance.choice(tuple(hosts()))
        made = Request(
            id=f"{chance.getrandbits(200):050x}==",
            at=self._time(chance.choice(days)),
            host="stranger.example" if chance.random() < 0.03 else chance.choice((known, known.upper(), f"{known}.")),
            path="/x" if chance.random() < 0.03 else f"/{chance.choice(SLUGS)}",
            status=status,
            method="POST" if is_upgrade else "HEAD" if chance.random() < 0.03 else "GET",
            protocol="http" if is_upgrade else "https",
            result_type="Redirect" if is_upgrade else "FunctionGeneratedResponse",
            agent=chance.choice(tuple(AGENTS)),
            address=f"203.0.113.{chance.randrange(60)}",
            country=chance.choice(_COUNTRIES),
            referrer=chance.choice(_REFERRERS),
        )
        self._requests.append(made)
        return made

    def _time(self, day: int) -> datetime:
        """A millisecond of a day (UTC); one in ten at a midnight of one of the zones."""
        chance = self._chance
        begin = datetime.combine(self._days.first, datetime.min.time(), UTC) + timedelta(days=day)
        if chance.random() < 0.1:
            midnight = begin + (timedelta(days=1) - chance.choice(tuple(ZONES.values()))) % timedelta(days=1)
            return max(begin, midnight + timedelta(milliseconds=chance.randrange(-2_000, 2_000)))
        return begin + timedelta(milliseconds=chance.randrange(86_400_000))
