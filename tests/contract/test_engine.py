"""What an engine promises: typed frames, a cap that raises, a time limit, errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import polars as pl
import pytest
from support.filled import open_engine

from analytics_core.engines.duckdb import DuckDBEngine
from analytics_core.engines.engine import Cancellation, Scan, Statement, StreamCancelledError
from analytics_core.errors import (
    ClickledgerError,
    QueryTimeoutError,
    QueryTooLargeError,
    StoreUnavailableError,
)
from analytics_core.store.file_cache import VanishedFileError
from analytics_core.store.lake_tables import CLICKS, COVERAGE

NUMBERS = Statement("SELECT n FROM range($count) AS t(n)", pl.Schema({"n": pl.Int64}), {"count": 5}, {}, row_cap=5)
ENDLESS = replace(
    NUMBERS, sql="SELECT count(*) AS n FROM range(1000000000) AS a, range($count) AS b", values={"count": 1_000}
)


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    opened = open_engine()
    yield opened
    opened.close()


def scanning(file: str) -> Statement:
    scans = {"coverage": Scan(COVERAGE, (file,))}
    return Statement("SELECT count(*) AS n FROM {coverage}", pl.Schema({"n": pl.Int64}), {}, scans, row_cap=1)


def test_a_result_has_the_schema_of_its_statement(engine: DuckDBEngine) -> None:
    assert engine.frame(NUMBERS).equals(pl.DataFrame({"n": [0, 1, 2, 3, 4]}))
    assert pl.concat(engine.stream(NUMBERS, 2)).equals(engine.frame(NUMBERS))


def test_too_many_rows_are_refused_never_cut(engine: DuckDBEngine) -> None:
    with pytest.raises(QueryTooLargeError, match="more than 4 rows"):
        engine.frame(replace(NUMBERS, row_cap=4))


def test_a_query_that_takes_too_long_is_stopped() -> None:
    engine = open_engine(seconds=0.2)
    with pytest.raises(QueryTimeoutError):
        engine.frame(ENDLESS)
    assert engine.frame(NUMBERS).height == 5
    engine.close()


def test_a_query_that_needs_too_much_memory_is_stopped() -> None:
    engine = DuckDBEngine(memory_megabytes=128, seconds=60)
    greedy = "SELECT len(list(n || repeat('x', 1000))) AS n FROM range($count) AS t(n)"
    with pytest.raises(StoreUnavailableError, match="memory"):
        engine.frame(replace(NUMBERS, sql=greedy, values={"count": 1_000_000}))
    engine.close()


def test_a_query_larger_than_its_memory_goes_to_disk_and_leaves_nothing_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = DuckDBEngine(memory_megabytes=128, seconds=60)
    distinct = "SELECT count(*) AS n FROM (SELECT DISTINCT repeat(md5(n::VARCHAR), 8) FROM range($count) AS t(n))"

    assert engine.frame(replace(NUMBERS, sql=distinct, values={"count": 1_000_000}))["n"].item() == 1_000_000
    assert list(tmp_path.iterdir()) != []
    engine.close()
    assert list(tmp_path.iterdir()) == []


def test_no_files_are_a_table_without_rows(engine: DuckDBEngine) -> None:
    sql = "SELECT * FROM {clicks} AS clicks WHERE handle = $handle AND clicks.at < $now"
    values = {"handle": "acme", "now": datetime(2026, 1, 1, tzinfo=UTC)}
    statement = Statement(sql, CLICKS.schema, values, {"clicks": Scan(CLICKS, ())}, row_cap=1)
    assert engine.frame(statement).schema == CLICKS.schema
    assert [frame.height for frame in engine.stream(statement, 10) if frame.height] == []


def test_a_file_that_is_gone_is_told_apart_from_one_that_is_broken(engine: DuckDBEngine, tmp_path: Path) -> None:
    gone, broken, swapped = (str(tmp_path / name) for name in ("gone.parquet", "broken.parquet", "swapped.parquet"))
    with pytest.raises(VanishedFileError):
        engine.frame(scanning(gone))
    Path(broken).write_bytes(b"PAR1 this is no Parquet file PAR1")
    with pytest.raises(ClickledgerError):
        engine.frame(scanning(broken))
    pl.DataFrame(schema=COVERAGE.schema).write_parquet(swapped)
    assert engine.frame(scanning(swapped)).item() == 0
    Path(swapped).unlink()
    with pytest.raises(VanishedFileError):
        list(engine.stream(scanning(swapped), 10))


GROWING = Statement(
    "SELECT i AS n FROM range(100_000_000_000) AS numbers(i) WHERE i % $every = 0",
    pl.Schema({"n": pl.Int64}),
    {"every": 1},
    {},
    row_cap=None,
)


@pytest.mark.parametrize("every", [1, 99_999_999_999], ids=["between frames", "in the middle of the work"])
def test_a_stream_that_nobody_wants_any_more_ends(engine: DuckDBEngine, every: int) -> None:
    cancellation = Cancellation()
    frames = engine.stream(replace(GROWING, values={"every": every}), 1_000, cancellation)
    if every == 1:
        next(frames)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(list, frames)
        while not reading.done():
            cancellation.cancel()
            wait([reading], 0.05)
        with pytest.raises(StreamCancelledError):
            reading.result()
    with pytest.raises(StreamCancelledError):
        list(engine.stream(NUMBERS, 1_000, cancellation))
    assert list(engine.stream(NUMBERS, 1_000))


def test_a_mistake_in_the_sql_is_an_error_of_ours(engine: DuckDBEngine) -> None:
    with pytest.raises(ClickledgerError, match="query engine failed"):
        engine.frame(replace(NUMBERS, sql="SELECT nothing FROM nowhere WHERE $count = 1"))


def test_many_threads_ask_at_once(engine: DuckDBEngine) -> None:
    found: list[int] = []
    threads = [
        Thread(target=lambda count=count: found.append(engine.frame(replace(NUMBERS, values={"count": count})).height))
        for count in [1, 2, 3, 4, 5] * 6
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted([1, 2, 3, 4, 5] * 6)


def test_a_stream_can_be_left_in_the_middle(engine: DuckDBEngine) -> None:
    stream = engine.stream(replace(NUMBERS, values={"count": 1_000_000}), 1_000)
    assert next(stream).height > 0
    stream.close()  # type: ignore[attr-defined]
    assert engine.frame(NUMBERS).height == 5
