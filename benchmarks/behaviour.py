"""How many people the behaviour rules would take for bots, and how many bots they would find, in a world of which both
are known: people at home, people in offices who share an address and a browser, and filters of mail that say Chrome.
Half of the offices have a filter of their own, behind the same address."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from analytics_core.store.lake_tables import CLICKS
from benchmarks.report import machine, note, table
from ingest.classify.behaviour import BEHAVIOURS, HEAD_SECONDS, LINKS, LINKS_SECONDS

START: Final = datetime(2026, 10, 1, 9, tzinfo=UTC)
LETTERS: Final = 40  # sent on as many days, each with its own links
LINKS_A_LETTER: Final = 30
HOMES: Final = 20_000  # people who read each letter at home
OFFICES: Final = (20, 200, 2_000)  # people behind one address, all with one build of a browser
OFFICES_OF_A_SIZE: Final = 20
READS: Final = 0.3  # of the people, click at all
CLICKS_OF_A_READER: Final = 1.6
OPENS_ALL: Final = 0.001  # of the readers, open every link of a letter in tabs, one a second
READING_SECONDS: Final = 3_600  # mean time until somebody reads a letter
FILTERS: Final = 400  # each of its own address; checks a letter once
ASKS_HEAD: Final = 0.5  # of the filters, ask for the head first


@dataclass(frozen=True)
class World:
    """CLICKS rows, and beside them who clicked: a column `who` (home, office of a size, or filter)."""

    clicks: pl.DataFrame
    people: tuple[str, ...]


def make_world(seed: int = 7) -> World:
    rng = np.random.default_rng(seed)
    parts: list[pl.DataFrame] = []
    for letter in range(LETTERS):
        parts.append(_readers(rng, letter, "at home", 1, HOMES, first=1))
        parts += [
            _readers(rng, letter, f"office of {size:,}", size, OFFICES_OF_A_SIZE, first=1_000_000 * (place + 2))
            for place, size in enumerate(OFFICES)
        ]
        parts.append(_filters(rng, letter, 1_000_000_000 + letter * FILTERS + np.arange(FILTERS)))
        own = [1_000_000 * (place + 2) + np.arange(OFFICES_OF_A_SIZE // 2) for place in range(len(OFFICES))]
        parts.append(_filters(rng, letter, np.concatenate(own)))
    drawn = pl.concat(parts).with_row_index("event_id")
    clicks = drawn.with_columns(
        at=pl.lit(START) + pl.duration(milliseconds="milliseconds"), method=pl.when("is_head").then(pl.lit("HEAD"))
    ).with_columns(
        pl.col("method").fill_null("GET"),
        day=pl.col("at").dt.date(),
        slug=pl.format("{}-{}", "letter", "link"),
        purpose=pl.lit("none"),
    )
    filled = pl.concat([pl.DataFrame(schema=CLICKS.schema | {"who": pl.String}), clicks], how="diagonal_relaxed")
    people = ("at home", *(f"office of {size:,}" for size in OFFICES))
    return World(filled.select(*CLICKS.schema, "who"), people)


def _readers(rng: np.random.Generator, letter: int, who: str, size: int, addresses: int, *, first: int) -> pl.DataFrame:
    """The clicks of `addresses` visitors, each of whom is `size` people."""
    readers = rng.binomial(size, READS, addresses)
    address = np.repeat(np.arange(addresses), readers)
    opens_all = rng.random(address.size) < OPENS_ALL
    clicks = np.where(opens_all, LINKS_A_LETTER, 1 + rng.poisson(CLICKS_OF_A_READER - 1, address.size))
    begins = rng.exponential(READING_SECONDS, address.size)
    person = np.repeat(np.arange(address.size), clicks)
    turn = np.arange(person.size) - np.repeat(np.cumsum(clicks) - clicks, clicks)
    gap = np.where(opens_all[person], 1.0, rng.exponential(25, person.size))
    link = np.where(opens_all[person], turn, rng.integers(0, LINKS_A_LETTER, person.size))
    return _frame(letter, who, visitor=first + address[person], seconds=begins[person] + turn * gap, link=link)


def _filters(rng: np.random.Generator, letter: int, visitors: np.ndarray) -> pl.DataFrame:
    """Every link within ten seconds, soon after delivery, in any order; some ask for each link's head just before."""
    visitor = np.repeat(visitors, LINKS_A_LETTER)
    link = np.tile(np.arange(LINKS_A_LETTER), visitors.size)
    seconds = np.repeat(rng.random(visitors.size) * 30, LINKS_A_LETTER) + rng.random(visitor.size) * 10
    asks = np.repeat(rng.random(visitors.size) < ASKS_HEAD, LINKS_A_LETTER)
    gets = _frame(letter, "filter", visitor=visitor, seconds=seconds + 0.3, link=link)
    heads = _frame(letter, "filter", visitor=visitor[asks], seconds=seconds[asks], link=link[asks])
    return pl.concat([gets, heads.with_columns(is_head=pl.lit(value=True))])


def _frame(letter: int, who: str, *, visitor: np.ndarray, seconds: np.ndarray, link: np.ndarray) -> pl.DataFrame:
    delivered = timedelta(days=letter) / timedelta(milliseconds=1)
    return pl.DataFrame(
        {
            "visitor": visitor.astype(np.int64),
            "milliseconds": (delivered + seconds * 1_000).astype(np.int64),
            "link": link.astype(np.int64),
        }
    ).with_columns(letter=pl.lit(letter), who=pl.lit(who), is_head=pl.lit(value=False))


def run() -> None:
    world = make_world()
    gets = world.clicks.filter(pl.col("method") != "HEAD")
    print(f"### Behaviour\n\n{gets.height:,} clicks that are people's by the rules in force. {machine()}")
    print(f"HEAD then GET within {HEAD_SECONDS} s; {LINKS} links within {LINKS_SECONDS} s.\n")
    rows: list[tuple[str, ...]] = []
    for name, rule in BEHAVIOURS.items():
        started = time.perf_counter()
        moved = rule(world.clicks.lazy()).collect()
        note(f"{name}: {time.perf_counter() - started:.2f} s")
        of = {who: (moved.filter(who=who).height, gets.filter(who=who).height) for who in (*world.people, "filter")}
        wrong = sum(of[who][0] for who in world.people)
        rows.append(
            (
                name,
                *(f"{found:,} ({found / all_of:.2%})" for found, all_of in of.values()),
                f"{wrong / moved.height if moved.height else 0:.2%}",
            )
        )
    table(["rule", *(f"taken of {who}" for who in (*world.people, "filters")), "of the taken are people"], rows)
