"""Requests as CloudFront writes them to real-time logs: tab-separated lines of the canonical fields 1 to 46."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from analytics_core.settings import REALTIME_FIELDS
from ingest.demo.agent_templates import Agents
from ingest.demo.chances import noise
from ingest.demo.countries import load_countries
from ingest.demo.encoding import encode
from ingest.demo.requests import ANSWERS
from ingest.demo.vocabulary import TOKEN, Vocabulary

FIELDS: Final = tuple(REALTIME_FIELDS.split(","))
COUNTRY_FIELD: Final = "c-country"
_DISTRIBUTION: Final = "d2l1nk8demo5x.cloudfront.net"
_DISTRIBUTION_ID: Final = "E2DEM0LINK5X9Q"
_HEADERS_BYTES: Final = 800
ID_CHARACTERS: Final = 54
_ALPHABET: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8)
_CUT_AFTER: Final = 19  # columns of a line that was cut
_QUERY_TOKEN: Final = 22
_IPV6_PERCENT: Final = 36


@dataclass(frozen=True, slots=True)
class Writer:
    """Turns requests into text; the same request (by `serial`) becomes the same line in every file."""

    words: Vocabulary
    agents: pl.Series  # as CloudFront encodes them
    referrers: pl.Series
    seed: int

    def text(self, requests: pl.DataFrame, *, with_country: bool) -> bytes:
        """One line a row, in the order of the rows, each ended by a newline."""
        columns = _columns()
        names = [name for name in FIELDS if with_country or name != COUNTRY_FIELD]
        values = [columns.get(name, pl.lit("-")) for name in names]
        head = pl.concat_str(values[:_CUT_AFTER], separator="\t")
        tail = pl.concat_str(values[_CUT_AFTER:], separator="\t")
        whole = pl.concat_str([head, tail], separator="\t")
        lines = requests.with_columns(_tables(self, requests)).select(
            line=pl.when(pl.col("damage") == "cut").then(head).otherwise(whole)
        )
        return join_lines(lines["line"])


def prepare_writer(words: Vocabulary, agents: Agents, seed: int) -> Writer:
    return Writer(
        words=words,
        agents=pl.Series([encode(text) for text in agents.texts]),
        referrers=pl.Series([encode(text) for text in words.referrers.texts]),
        seed=seed,
    )


def request_ids(serials: pl.Series, seed: int) -> pl.Series:
    """The x-edge-request-id of requests."""
    return _ids(_dice(serials, seed))


def _dice(serials: pl.Series, seed: int) -> NDArray[np.uint64]:
    return noise(serials.cast(pl.UInt64).to_numpy(), seed, 12)


def _ids(dice: NDArray[np.uint64]) -> pl.Series:
    return random_texts(dice[:, :7], ID_CHARACTERS, b"==")


def random_texts(dice: NDArray[np.uint64], characters: int, ending: bytes = b"") -> pl.Series:
    """One text a row of base64's URL alphabet, from that many bytes of each row's noise, and the ending."""
    rows, width = dice.shape[0], characters + len(ending)
    letters = np.empty((rows, width), dtype=np.uint8)
    letters[:, :characters] = _ALPHABET[np.ascontiguousarray(dice).view(np.uint8)[:, :characters] & np.uint8(63)]
    letters[:, characters:] = np.frombuffer(ending, dtype=np.uint8)
    ends = np.arange(0, letters.size + 1, width, dtype=np.int64)
    series = pl.from_arrow(pa.LargeStringArray.from_buffers(rows, pa.py_buffer(ends.data), pa.py_buffer(letters.data)))
    assert isinstance(series, pl.Series)
    return series


def join_lines(lines: pl.Series) -> bytes:
    """The lines one after the other, each ended by a newline."""
    return (lines.str.join("\n").item() + "\n").encode() if lines.len() else b""


def _columns() -> dict[str, pl.Expr]:
    """What each field says; a field that is not here says nothing (`-`)."""
    asked = pl.when(pl.col("query_text") == "").then("path_text")
    return {
        "timestamp": _timestamp(),
        "c-ip": _address(),
        "s-ip": pl.concat_str(pl.lit("203.0.113."), (pl.col("dice_a") % 200).cast(pl.String)),
        "time-to-first-byte": pl.col("took"),
        "sc-status": pl.col("status"),
        "sc-bytes": (420 + pl.col("dice_a") % 180).cast(pl.String),
        "cs-method": pl.col("method").cast(pl.String),
        "cs-protocol": pl.col("protocol"),
        "cs-host": pl.col("host_text"),
        "cs-uri-stem": asked.otherwise(pl.concat_str("path_text", pl.lit("?"), "query_text")),
        "cs-bytes": (60 + pl.col("dice_b") % 420).cast(pl.String),
        "x-edge-location": pl.col("edge"),
        "x-edge-request-id": pl.col("request_id"),
        "x-host-header": pl.lit(_DISTRIBUTION),
        "time-taken": pl.col("took"),
        "cs-protocol-version": pl.col("http"),
        "c-ip-version": pl.when(_is_ipv6()).then(pl.lit("IPv6")).otherwise(pl.lit("IPv4")),
        "cs-user-agent": _agent(),
        "cs-referer": pl.col("referrer_text"),
        "cs-uri-query": pl.when(pl.col("query_text") == "").then(pl.lit("-")).otherwise("query_text"),
        "x-edge-response-result-type": pl.col("result_type"),
        "ssl-protocol": _secure(pl.lit("TLSv1.3")),
        "ssl-cipher": _secure(pl.lit("TLS_AES_128_GCM_SHA256")),
        "x-edge-result-type": pl.col("result_type"),
        "sc-content-type": pl.col("content_type"),
        "sc-content-len": pl.lit("0"),
        "c-port": (1_024 + pl.col("dice_b") % 64_000).cast(pl.String),
        "x-edge-detailed-result-type": pl.col("detailed_result_type"),
        COUNTRY_FIELD: pl.col("country_text"),
        "cs-accept-encoding": pl.lit("gzip,%20deflate,%20br"),
        "cs-accept": pl.lit("*/*"),
        "cache-behavior-path-pattern": pl.lit("*"),
        "cs-headers": pl.concat_str(
            pl.lit("Host:"), "host_text", pl.lit("%0AUser-Agent:"), "agent_text", pl.lit("%0AAccept:*/*%0A")
        ).str.head(_HEADERS_BYTES),
        "cs-header-names": pl.lit("Host%0AUser-Agent%0AAccept%0A"),
        "cs-headers-count": pl.lit("3"),
        "primary-distribution-id": pl.lit(_DISTRIBUTION_ID),
        "primary-distribution-dns-name": pl.lit(_DISTRIBUTION),
        "asn": pl.col("network"),
    }


def _tables(writer: Writer, requests: pl.DataFrame) -> list[pl.Series]:
    """The texts behind the rows, and the dice of each request."""
    words = writer.words
    dice = _dice(requests["serial"], writer.seed)
    ids = _ids(dice)
    tokens = random_texts(dice[:, 7:10], _QUERY_TOKEN)
    countries = load_countries()
    answers = requests["answer"]
    where = requests["country"]
    edge = dice[:, 10] % np.uint64(97)
    return [
        ids.alias("request_id"),
        pl.Series("dice_a", dice[:, 10]),
        pl.Series("dice_b", dice[:, 11]),
        _looked_up("host_text", words.hosts.texts, requests["host"]),
        _looked_up("path_text", words.paths.texts, requests["path"]),
        _with_tokens(_looked_up("query_text", words.queries.texts, requests["query"]), tokens),
        _looked_up("referrer_text", writer.referrers, requests["referrer"]),
        _looked_up("agent_text", writer.agents, requests["agent"]),
        _looked_up("country_text", [one.code for one in countries], where),
        _one_of("edge", [one.edges for one in countries], where, edge),
        _one_of("network", [one.networks for one in countries], where, requests["address"].to_numpy()),
        _looked_up("status", [one.status for one in ANSWERS], answers),
        _looked_up("protocol", [one.protocol for one in ANSWERS], answers),
        _looked_up("result_type", [one.result_type for one in ANSWERS], answers),
        _looked_up("detailed_result_type", [one.detailed_result_type for one in ANSWERS], answers),
        _looked_up("content_type", [one.content_type for one in ANSWERS], answers),
        _looked_up(
            "took", ["0.001", "0.000", "0.001", "0.002", "0.003", "0.012"], pl.Series(dice[:, 11] % np.uint64(6))
        ),
        _looked_up("http", ["HTTP/2.0", "HTTP/3.0", "HTTP/2.0", "HTTP/1.1"], pl.Series(dice[:, 11] % np.uint64(4))),
    ]


def _looked_up(name: str, texts: list[str] | pl.Series, rows: pl.Series) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).gather(rows.cast(pl.UInt32)).alias(name)


def _one_of(name: str, choices: list[tuple[str, ...]], rows: pl.Series, dice: NDArray[np.generic]) -> pl.Series:
    """One of the texts of each row's choice, the same for the same dice."""
    sizes = np.array([len(choice) for choice in choices])
    starts = np.cumsum(sizes) - sizes
    row = rows.to_numpy().astype(np.int64)
    place = starts[row] + dice.astype(np.int64) % sizes[row]
    return _looked_up(name, [text for choice in choices for text in choice], pl.Series(place))


def _with_tokens(queries: pl.Series, tokens: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"query": queries, "token": tokens})
    place = pl.col("query").str.split_exact(TOKEN, 1)
    before, after = place.struct.field("field_0"), place.struct.field("field_1")
    return frame.select(
        query_text=pl.when(after.is_null()).then("query").otherwise(pl.concat_str(before, "token", after))
    )["query_text"]


def _timestamp() -> pl.Expr:
    exact = pl.concat_str(
        (pl.col("at") // 1_000).cast(pl.String), pl.lit("."), (pl.col("at") % 1_000).cast(pl.String).str.zfill(3)
    )
    broken = pl.when(pl.col("serial") % 2 == 0).then(pl.lit("-")).otherwise(pl.concat_str(pl.lit("~"), exact))
    return pl.when(pl.col("damage") == "broken_time").then(broken).otherwise(exact)


def _is_ipv6() -> pl.Expr:
    return ~pl.col("is_bot") & (pl.col("address") % 100 < _IPV6_PERCENT)


def _address() -> pl.Expr:
    """Ranges that belong to nobody: carrier-grade NAT for people, benchmarking for bots, documentation for IPv6."""
    number = pl.col("address")
    low, middle, high = number % 256, number // 256 % 256, number // 65_536
    people = pl.format("100.{}.{}.{}", 64 + high, middle, low)
    machines = pl.format("198.{}.{}.{}", 18 + high % 2, middle, low)
    # Decimal digits are hexadecimal digits too.
    modern = pl.format("2001:db8:{}:{}::{}", number // 1_000 % 10_000 + 1, number % 1_000 + 1, number % 89 + 1)
    return pl.when("is_bot").then(machines).when(_is_ipv6()).then(modern).otherwise(people)


def _agent() -> pl.Expr:
    broken = pl.concat_str(pl.lit("Mozilla/5.0\t"), "agent_text")
    return pl.when(pl.col("damage") == "extra_column").then(broken).otherwise("agent_text")


def _secure(value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("protocol") == "https").then(value).otherwise(pl.lit("-"))
