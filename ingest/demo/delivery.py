"""How requests reach the log folders: a little late, sometimes very late, some of them twice, file by file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl

from ingest.demo.chances import noise
from ingest.demo.requests import Bucket, Span
from ingest.demo.shape import HOUR

BEFORE_COUNTRY: Final = "before-country"
WITH_COUNTRY: Final = "with-country"
_LATE: Final = 0.0015  # part of the lines that come hours late
_STREAM: Final = "clickledger-realtime-1"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One log file: the folder of its source, its name, and its requests in the order of arrival."""

    folder: str
    name: str
    requests: pl.DataFrame


def redeliver(requests: pl.DataFrame, count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Adds `serial` (who is who), `delivered` (ms), and `count` exact copies that arrive once more.

    The copy of a click is a duplicate; the copy of anything else is what it was.
    """
    rows = requests.height
    lag = rng.exponential(20_000, rows) + 2_000
    late = rng.random(rows) < _LATE
    lag[late] += rng.uniform(HOUR, 30 * HOUR, int(late.sum()))
    sent = requests.with_columns(
        serial=pl.int_range(rows, dtype=pl.UInt32), delivered=pl.col("at") + pl.Series(lag.astype(np.int64))
    )
    whole = sent.filter(pl.col("bucket") != "rejected")
    again = whole[rng.choice(whole.height, count, replace=False)].with_columns(
        delivered=pl.col("delivered") + pl.Series(rng.integers(60_000, 26 * HOUR, count)),
        bucket=pl.when(pl.col("bucket") == "clicks").then(pl.lit("duplicates", Bucket)).otherwise("bucket"),
    )
    return pl.concat([sent, again])


def deliveries(
    requests: pl.DataFrame, span: Span, country_from: int, files: int, rng: np.random.Generator
) -> Iterator[Delivery]:
    """Files of one source after the other. A request belongs to the source that was there when it happened; what
    arrives after its end goes to the last file, so that every line is there by the end of the span."""
    before = max(1, round(files * (country_from - span.start) / (span.end - span.start)))
    is_early = pl.col("at") < country_from
    sources = (
        (BEFORE_COUNTRY, Span(span.start, country_from), before, is_early),
        (WITH_COUNTRY, Span(country_from, span.end), max(1, files - before), ~is_early),
    )
    for folder, window, count, belongs in sources:
        length = (window.end - window.start) / count
        mine = (
            requests.filter(belongs)
            .with_columns(
                file=((pl.col("delivered") - window.start) / length).floor().cast(pl.Int64).clip(0, count - 1)
            )
            .sort("file", "delivered", "serial")
        )
        for (number,), content in mine.group_by("file", maintain_order=True):
            opened = datetime.fromtimestamp((window.start + float(str(number)) * length) / 1000, UTC)
            yield Delivery(folder, _name(opened, rng), content)


def _name(opened: datetime, rng: np.random.Generator) -> str:
    digits = "".join(f"{word:016x}" for word in noise(rng.integers(0, 2**62, 1).astype(np.uint64), 0, 2)[0].tolist())
    unique = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
    return f"{_STREAM}-{opened:%Y-%m-%d-%H-%M-%S}-{unique}.gz"
