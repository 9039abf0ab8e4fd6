"""Behaviour of one visitor within seconds, compared with plain Python over all pairs of clicks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from analytics_core.store.lake_tables import CLICKS
from ingest.classify.behaviour import HEAD_SECONDS, LINKS, LINKS_SECONDS, head_then_get, many_links

START = datetime(2026, 11, 1, 23, 59, tzinfo=UTC)


@dataclass(frozen=True)
class Click:
    """`milliseconds` after START."""

    milliseconds: int
    slug: str = "a"
    visitor: int | None = 1
    method: str = "GET"
    purpose: str = "none"


def frame(clicks: list[Click]) -> pl.LazyFrame:
    rows = [
        {
            "event_id": number,
            "at": START + timedelta(milliseconds=one.milliseconds),
            "slug": one.slug,
            "visitor": one.visitor,
            "method": one.method,
            "purpose": one.purpose,
        }
        for number, one in enumerate(clicks)
    ]
    return pl.DataFrame(rows, schema=CLICKS.schema).lazy()


def numbers(found: pl.LazyFrame) -> list[int]:
    return sorted(found.collect()["event_id"])


def checked(clicks: list[Click]) -> list[int]:
    return [
        number
        for number, one in enumerate(clicks)
        if one.method != "HEAD"
        and one.visitor is not None
        and any(
            (head.visitor, head.slug, head.method) == (one.visitor, one.slug, "HEAD")
            and 0 <= one.milliseconds - head.milliseconds <= HEAD_SECONDS * 1_000
            for head in clicks
        )
    ]


def swept(clicks: list[Click]) -> list[int]:
    people = [
        (number, one)
        for number, one in enumerate(clicks)
        if one.visitor is not None and one.method != "HEAD" and one.purpose == "none"
    ]
    found: set[int] = set()
    for _, last in people:
        within = [
            (number, one)
            for number, one in people
            if one.visitor == last.visitor and 0 <= last.milliseconds - one.milliseconds <= LINKS_SECONDS * 1_000
        ]
        if len({one.slug for _, one in within}) >= LINKS:
            found.update(number for number, _ in within)
    return sorted(found)


CHECKS = st.builds(
    Click,
    st.sampled_from([0, 1, 1_999, 2_000, 2_001, 4_000, 61_000]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([1, 1, 2, None]),
    st.sampled_from(["GET", "HEAD", "POST"]),
)
SWEEPS = st.builds(
    Click,
    st.integers(0, 100).map(lambda second: second * 1_000),
    st.integers(0, LINKS + 3).map(str),
    st.sampled_from([1, 1, 1, 1, 2, None]),
    st.sampled_from([*["GET"] * 9, "HEAD"]),
    st.sampled_from([*["none"] * 9, "prefetch"]),
)


@given(st.lists(CHECKS, max_size=12))
def test_a_head_before_the_same_link_tells_a_checker(clicks: list[Click]) -> None:
    assert numbers(head_then_get(frame(clicks))) == checked(clicks)


@given(st.lists(SWEEPS, min_size=40, max_size=120))
def test_many_links_within_a_minute_tell_a_bot_by_every_click_of_that_minute(clicks: list[Click]) -> None:
    assert numbers(many_links(frame(clicks))) == swept(clicks)


def test_a_sweep_is_told_with_its_first_click_and_not_with_what_comes_a_minute_later() -> None:
    sweep = [Click(3_000 * number, str(number)) for number in range(LINKS)]
    later = [Click(57_000 + 60_001, "0")]

    assert numbers(many_links(frame([*later, *sweep]))) == list(range(1, LINKS + 1))
    assert numbers(many_links(frame(sweep[1:]))) == []
    assert numbers(many_links(frame([*sweep[:-1], Click(60_001, "last")]))) == []
    assert numbers(many_links(frame([Click(0, str(number), visitor=None) for number in range(LINKS)]))) == []
