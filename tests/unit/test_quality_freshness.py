"""FRESH, STALE and UNKNOWN."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics_core.model import Freshness, FreshnessStatus
from analytics_core.quality.freshness import freshness
from analytics_core.store.syncs import CompleteSync

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)


def test_before_the_first_complete_sync_nothing_is_known() -> None:
    assert freshness(None, 60, NOW) == Freshness(FreshnessStatus.UNKNOWN, None, 60)


@pytest.mark.parametrize(
    ("minutes", "status"),
    [(0, "FRESH"), (59, "FRESH"), (60, "FRESH"), (61, "STALE"), (100_000, "STALE"), (-5, "FRESH")],
)
def test_numbers_are_fresh_up_to_the_limit(minutes: int, status: str) -> None:
    ended = NOW - timedelta(minutes=minutes)
    assert freshness(CompleteSync(ended, ended, {}), 60, NOW) == Freshness(FreshnessStatus(status), ended, 60)


def test_only_sources_that_log_a_sample_are_named() -> None:
    assert freshness(CompleteSync(NOW, NOW, {"logs": 100, "edge": 25}), 60, NOW).sampling == {"edge": 25}
