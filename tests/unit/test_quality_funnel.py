"""The funnel: rates with their divisors, and the last day whose clicks can convert no more."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_core.model import Metrics, Period
from analytics_core.quality.funnel import beside, final_through, stages

TTL = timedelta(minutes=15)
PERIOD = Period(date(2026, 3, 1), date(2026, 3, 3), "Asia/Kolkata")


@pytest.mark.parametrize(
    ("totals", "rates"),
    [
        (Metrics(180, 30, 15, {}, 400), [(None, None), (150 / 180, 150 / 180), (0.1, 15 / 180)]),
        (Metrics(5, 1, 4), [(None, None), (0.8, 0.8), (1.0, 0.8)]),
        (Metrics(5, 2, 4), [(None, None), (0.6, 0.6), (None, 0.8)]),  # more than qualified clicks, not than clicks
        (Metrics(2, 2, 3), [(None, None), (0.0, 0.0), (None, None)]),
        (Metrics(), [(None, None)] * 3),
    ],
)
def test_rates_refer_to_the_stage_before_and_to_the_first(
    totals: Metrics, rates: list[tuple[float | None, float | None]]
) -> None:
    made = stages(totals)
    assert [stage.name for stage in made] == ["clicks", "qualifiedClicks", "conversions"]
    assert [(stage.rate_from_previous, stage.rate_from_first) for stage in made] == rates
    has_more = totals.conversions > totals.qualified_clicks
    assert [stage.reason is not None for stage in made] == [False, False, has_more]


@pytest.mark.parametrize(
    ("totals", "expected"),
    [(Metrics(180, 30, 15, {}, 400), (400, 2.67)), (Metrics(5, 5, 0, {}, 3), (3, None)), (Metrics(5), (0, 0.0))],
)
def test_impressions_stand_beside_the_stages(totals: Metrics, expected: tuple[int, float | None]) -> None:
    found = beside(totals)
    assert (found.count, found.per_qualified_click) == expected


@pytest.mark.parametrize(
    ("synced_until", "expected"),
    [
        (None, None),
        ("2026-03-01T18:45:59Z", None),  # the first day ended at 18:30 UTC, its last ctx a quarter of an hour later
        ("2026-03-01T18:46:00Z", date(2026, 3, 1)),
        ("2026-03-03T18:45:59Z", date(2026, 3, 2)),
        ("2026-12-01T00:00:00Z", date(2026, 3, 3)),
    ],
)
def test_a_day_is_final_when_a_sync_ended_after_its_last_ctx_had(synced_until: str | None, expected: date) -> None:
    until = None if synced_until is None else datetime.fromisoformat(synced_until)
    assert final_through(PERIOD, TTL, until) == expected


@given(first=st.integers(0, 10_000), later=st.integers(0, 10_000))
def test_a_final_day_stays_final(first: int, later: int) -> None:
    start = datetime(2026, 2, 28, tzinfo=UTC)
    one = final_through(PERIOD, TTL, start + timedelta(minutes=first)) or date.min
    assert one <= (final_through(PERIOD, TTL, start + timedelta(minutes=first + later)) or date.min)
