"""Logs in bulk, for benchmarks: standard W3C files of many handles with tens of thousands of distinct user agents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from isal import igzip
from numpy.typing import NDArray

from ingest.demo.chances import Rows, Weights, noise
from ingest.demo.crowd import Crowd, crowd_accounts, draw_crowd
from ingest.demo.realtime import ID_CHARACTERS, join_lines, random_texts

FIELDS: Final = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) "
    "cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken "
    "x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status "
    "fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
    "sc-range-start sc-range-end"
)
_DISTRIBUTION: Final = "d2l1nk8demo5x.cloudfront.net"
_PREFIX: Final = "E2DEM0LINK5X9Q"
_CHUNK: Final = 100_000  # lines in memory at once
_WEEKDAYS: Final = (1.0, 1.02, 1.03, 1.0, 0.96, 0.9, 0.94)
_SECONDS: Final = 86_400
_HOURS: Final = (4, 3, 2, 2, 2, 3, 4, 6, 8, 9, 10, 10, 11, 10, 10, 10, 11, 12, 12, 12, 11, 10, 8, 6)
_EDGES: Final = ("IAD89-P1", "FRA56-P4", "LHR50-P3", "BOM78-P3", "GRU3-P4", "SYD62-P2", "NRT57-P4", "ORD58-P4")
_REFERRERS: Final = (
    *["-"] * 9, *["https://l.instagram.com/"] * 3, *["https://www.google.com/"] * 2, "https://lm.facebook.com/",
    "https://t.co/aB3dE5fG7h", "https://www.youtube.com/", "https://out.reddit.com/", "https://www.tiktok.com/",
)  # fmt: skip

# What the edge answered to one line in a hundred each: 85 redirects, and the rest.
_REDIRECT: Final = ("302", "https", "FunctionGeneratedResponse")
_ANSWERS: Final = (
    *[_REDIRECT] * 80,
    *[("307", "https", "FunctionGeneratedResponse")] * 5,
    *[("301", "http", "Redirect")] * 5,
    *[("404", "https", "FunctionGeneratedResponse")] * 5,
    *[("200", "https", "Hit")] * 5,
)


def write_standard_logs(
    folder: Path,
    *,
    lines: int,
    files: int,
    handles: int = 2000,
    days: int = 30,
    seed: int = 7,
    end: datetime,
    public_domain: str = "clickledger.localhost",
) -> None:
    """Writes `folder/logs/*.gz` (lines spread over `days` up to `end`, in the order of time), `folder/accounts.json`
    and `folder/truth.json`: `lines`, `clicks` and `notRedirects` of all files. No line is there twice."""
    last = end.astimezone(UTC).replace(microsecond=0)
    first = last - timedelta(days=days)
    crowd = draw_crowd(handles, lines, public_domain, seed)
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for old in logs.glob("*.gz"):
        old.unlink()
    _write_json(folder / "accounts.json", crowd_accounts(handles, first))
    times = _Times(first, days)
    clicks = 0
    for number in range(files):
        start, stop = lines * number // files, lines * (number + 1) // files
        unique = int(noise(np.array([number], dtype=np.uint64), seed, 1)[0, 0])
        path = logs / f"{_PREFIX}.{times.at(number / files):%Y-%m-%d-%H}.{unique:016x}.gz"
        with path.open("wb") as raw, igzip.IGzipFile("", "wb", 1, raw, mtime=0) as file:
            file.write(f"#Version: 1.0\n#Fields: {FIELDS}\n".encode())
            for first_line in range(start, stop, _CHUNK):
                serials = np.arange(first_line, min(first_line + _CHUNK, stop), dtype=np.uint64)
                text, redirects = _lines(crowd, serials, times, lines)
                file.write(text)
                clicks += redirects
    _write_json(folder / "truth.json", {"lines": lines, "clicks": clicks, "notRedirects": lines - clicks})


class _Times:
    """When the n-th of all lines happens: days and hours have their usual shape."""

    def __init__(self, first: datetime, days: int) -> None:
        hours = [first + timedelta(hours=hour) for hour in range(days * 24)]
        busy = np.array([_HOURS[one.hour] * _WEEKDAYS[one.weekday()] for one in hours])
        self._ends = np.concatenate([[0.0], np.cumsum(busy / busy.sum())])
        self._offsets = np.arange(days * 24 + 1) * 3600.0
        self._first = int(first.timestamp())

    def seconds(self, parts: Weights) -> Rows:
        return self._first + np.interp(parts, self._ends, self._offsets).astype(np.int64)

    def at(self, part: float) -> datetime:
        return datetime.fromtimestamp(int(self.seconds(np.array([part]))[0]), UTC)


def _lines(crowd: Crowd, serials: NDArray[np.uint64], times: _Times, total: int) -> tuple[bytes, int]:
    """(the log lines of these serial numbers, how many of them are redirects)."""
    dice = noise(serials, crowd.seed, 10)
    chance = (dice[:, 7:10] >> np.uint64(11)).astype(np.float64) * 2.0**-53
    link = crowd.links(chance[:, 0])
    who, agent = crowd.people(link, chance[:, 1])
    answer = (chance[:, 2] * len(_ANSWERS)).astype(np.int64)
    small = dice[:, 9]
    seconds = times.seconds((serials.astype(np.float64) + chance[:, 2]) / total)

    def picked(texts: tuple[str, ...], rows: NDArray[Any]) -> pl.Series:
        return pl.Series(texts, dtype=pl.String).gather(pl.Series(rows.astype(np.uint32)))

    result = picked(tuple(one[2] for one in _ANSWERS), answer)
    columns: Mapping[str, pl.Series | pl.Expr] = {
        "date": _dates(seconds),
        "time": _clock().gather(pl.Series((seconds % _SECONDS).astype(np.uint32))),
        "x-edge-location": picked(_EDGES, small % np.uint64(len(_EDGES))),
        "sc-bytes": pl.Series(420 + small % np.uint64(180)).cast(pl.String),
        "c-ip": _addresses(who),
        "cs-method": pl.lit("GET"),
        "cs(Host)": pl.lit(_DISTRIBUTION),
        "cs-uri-stem": crowd.paths.gather(pl.Series(link.astype(np.uint32))),
        "sc-status": picked(tuple(one[0] for one in _ANSWERS), answer),
        "cs(Referer)": picked(_REFERRERS, (small >> np.uint64(8)) % np.uint64(len(_REFERRERS))),
        "cs(User-Agent)": crowd.agents.gather(pl.Series(agent.astype(np.uint32))),
        "x-edge-result-type": result,
        "x-edge-request-id": random_texts(dice[:, :7], ID_CHARACTERS, b"=="),
        "x-host-header": crowd.hosts.gather(pl.Series(link.astype(np.uint32))),
        "cs-protocol": picked(tuple(one[1] for one in _ANSWERS), answer),
        "cs-bytes": pl.Series(60 + small % np.uint64(400)).cast(pl.String),
        "time-taken": pl.lit("0.001"),
        "ssl-protocol": pl.lit("TLSv1.3"),
        "ssl-cipher": pl.lit("TLS_AES_128_GCM_SHA256"),
        "x-edge-response-result-type": result,
        "cs-protocol-version": pl.lit("HTTP/2.0"),
        "c-port": pl.Series(1_024 + small % np.uint64(60_000)).cast(pl.String),
        "time-to-first-byte": pl.lit("0.001"),
        "x-edge-detailed-result-type": result,
        "sc-content-len": pl.lit("0"),
    }
    drawn = {name: column for name, column in columns.items() if isinstance(column, pl.Series)}
    said = [pl.col(name) if name in drawn else columns.get(name, pl.lit("-")) for name in FIELDS.split(" ")]
    texts = pl.DataFrame(drawn).select(line=pl.concat_str(said, separator="\t"))["line"]
    redirects = int((answer < 85).sum())
    return join_lines(texts), redirects


@cache
def _clock() -> pl.Series:
    """The text of every second of a day."""
    seconds = pl.int_range(_SECONDS, dtype=pl.Int64, eager=True)
    return pl.from_epoch(seconds, "s").dt.strftime("%H:%M:%S")


def _dates(seconds: Rows) -> pl.Series:
    """Days as text; a chunk has few of them."""
    days = seconds // _SECONDS
    first = int(days.min())
    texts = [date.fromordinal(719_163 + day).isoformat() for day in range(first, int(days.max()) + 1)]
    return pl.Series(texts).gather(pl.Series((days - first).astype(np.uint32)))


def _addresses(who: NDArray[np.uint64]) -> pl.Series:
    """Carrier-grade NAT: addresses that belong to nobody."""
    parts = [
        (who >> np.uint64(16)) % np.uint64(64) + np.uint64(64),
        (who >> np.uint64(8)) & np.uint64(255),
        who & np.uint64(255),
    ]
    frame = pl.DataFrame({str(place): part.astype(np.uint32) for place, part in enumerate(parts)})
    return frame.select(text=pl.format("100.{}.{}.{}", "0", "1", "2"))["text"]


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value) + "\n")
