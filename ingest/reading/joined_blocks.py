"""Small blocks of several objects sorted as one, and what was found given back to the objects that it lies in.

To parse a block costs some milliseconds however short it is. Objects of a few lines come by the hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

import polars as pl

from ingest.clicks.balance import ObjectProgress
from ingest.clicks.buckets import SortedLines
from ingest.reading.blocks import Block, JsonLines, Tabbed

JOINED_BYTES: Final = 4 * 2**20  # from so much text on, what was joined is sorted
_SMALL_BYTES: Final = 2**18  # of a block that is worth joining


@dataclass(frozen=True, slots=True)
class Part:
    """A block of one version of an object."""

    key: str
    version: str
    block: Block


@dataclass(frozen=True, slots=True)
class SortedParts:
    """What was found in parts that were sorted together; `rejected` has the columns key and version beside its own,
    and numbers lines as their objects do. `unknown_hosts`: of each part, how many of its lines were of unknown hosts.
    """

    found: SortedLines
    unknown_hosts: tuple[int, ...]


def can_join(first: Block, second: Block) -> bool:
    """Whether the lines of both come out of one text as they come out of two."""
    match first.content, second.content:
        case (Tabbed() as left, Tabbed() as right) | (JsonLines() as left, JsonLines() as right):
            return _is_small_text(left.text) and _is_small_text(right.text) and _same_but_text(left, right)
        case _:
            return False


def sort_parts(parts: Sequence[Part], sort: Callable[[Block], SortedLines]) -> SortedParts:
    """Sorts parts of which each can be joined with the one before."""
    if len(parts) == 1:
        [part] = parts
        found = sort(part.block)
        place = found.rejected.with_columns(key=pl.lit(part.key), version=pl.lit(part.version))
        return SortedParts(replace(found, rejected=place), (len(found.unknown_hosts),))
    texts = [_whole(part.block) for part in parts]
    lines = [text.count(b"\n") for text in texts]
    found = sort(_joined(parts[0].block, texts, sum(lines)))
    starts = pl.Series([1, *accumulate(lines[:-1], initial=1)][1:], dtype=pl.Int64)
    part_of = starts.search_sorted(found.unknown_hosts, side="right").cast(pl.Int64) - 1
    counted = dict(part_of.value_counts(name="lines").iter_rows())
    return SortedParts(
        replace(found, rejected=_placed(found.rejected, starts, parts)),
        tuple(counted.get(number, 0) for number in range(len(parts))),
    )


def _is_small_text(text: bytes) -> bool:
    """Whether it can be joined: what is no UTF-8 would change how the text of the others is read."""
    if len(text) > _SMALL_BYTES:
        return False
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _same_but_text(left: Tabbed | JsonLines, right: Tabbed | JsonLines) -> bool:
    return replace(left, text=b"") == replace(right, text=b"")


def _whole(block: Block) -> bytes:
    assert isinstance(block.content, Tabbed | JsonLines)
    text = block.content.text
    return text if text.endswith(b"\n") else text + b"\n"


def _joined(first: Block, texts: Sequence[bytes], lines: int) -> Block:
    assert isinstance(first.content, Tabbed | JsonLines)
    text = b"".join(texts)
    return Block(replace(first.content, text=text), first_line=1, position=len(text), lines=lines)


def _placed(rejected: pl.DataFrame, starts: pl.Series, parts: Sequence[Part]) -> pl.DataFrame:
    """Rejected lines of the joined text as lines of their objects."""
    place = starts.search_sorted(rejected["line_number"], side="right").cast(pl.Int64) - 1
    of_part = pl.DataFrame(
        {
            "start": starts,
            "first_line": pl.Series([part.block.first_line for part in parts], dtype=pl.Int64),
            "key": pl.Series([part.key for part in parts], dtype=pl.String),
            "version": pl.Series([part.version for part in parts], dtype=pl.String),
        }
    )[place]
    return rejected.with_columns(
        line_number=pl.col("line_number") - of_part["start"] + of_part["first_line"],
        key=of_part["key"],
        version=of_part["version"],
    )


def after(progress: ObjectProgress, block: Block, unknown_hosts: int, hosts: str) -> ObjectProgress:
    """How far an object has been read with a block of it; `hosts`: the version of the hosts that are known now."""
    return replace(
        progress,
        position=block.position,
        lines=block.lines,
        unknown_hosts=progress.unknown_hosts + unknown_hosts,
        hosts=progress.hosts or (hosts if unknown_hosts else ""),  # of the first such lines
    )
