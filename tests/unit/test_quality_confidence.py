"""The score: each penalty, and that worse evidence never raises it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics_core.model import Freshness, FreshnessStatus
from analytics_core.quality.confidence import Evidence, confidence
from analytics_core.quality.freshness import freshness
from analytics_core.store.syncs import CompleteSync

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
FRESH = Freshness(FreshnessStatus.FRESH, NOW, 60)
GOOD = Evidence(clicks=180, bot_clicks=0, freshness=FRESH, now=NOW, lines=1_000, rejected=0, days=28, untracked_days=0)


def late(minutes: int) -> Freshness:
    return freshness(CompleteSync(NOW, NOW - timedelta(minutes=minutes), {}), 60, NOW)


def test_without_any_doubt_the_score_is_100_and_nothing_is_listed() -> None:
    assert (confidence(GOOD).score, confidence(GOOD).factors) == (100, ())


@pytest.mark.parametrize(
    ("evidence", "name", "value", "penalty"),
    [
        (replace(GOOD, clicks=0), "noClicks", 0, 100),
        (replace(GOOD, bot_clicks=30), "botRatio", 30 / 180, 5),
        (replace(GOOD, bot_clicks=90), "botRatio", 0.5, 15),
        (replace(GOOD, bot_clicks=180), "botRatio", 1.0, 100),
        (replace(GOOD, freshness=Freshness(FreshnessStatus.UNKNOWN, None, 60)), "staleness", 0, 100),
        (replace(GOOD, freshness=late(61)), "staleness", 1, 10),
        (replace(GOOD, freshness=late(60 + 12 * 60)), "staleness", 720, 30),
        (replace(GOOD, freshness=late(100_000)), "staleness", 99_940, 50),
        (replace(GOOD, conversions=181), "conversionsExceedClicks", 1 / 181, 11),
        (replace(GOOD, conversions=360), "conversionsExceedClicks", 0.5, 30),
        (replace(GOOD, conversions=1_000_000), "conversionsExceedClicks", 999_820 / 1_000_000, 50),
        (replace(GOOD, rejected=1), "rejectedLines", 0.001, 1),
        (replace(GOOD, rejected=100), "rejectedLines", 0.1, 20),
        (replace(GOOD, rejected=1_000), "rejectedLines", 1.0, 50),
        (replace(GOOD, untracked_days=7), "partialTracking", 0.25, 10),
        (replace(GOOD, untracked_days=28), "partialTracking", 1.0, 40),
        (replace(GOOD, freshness=replace(FRESH, sampling={"a": 50, "b": 90})), "sampling", 0.5, 25),
    ],
)
def test_each_doubt_has_its_penalty(evidence: Evidence, name: str, value: float, penalty: int) -> None:
    (factor,) = confidence(evidence).factors
    assert (factor.name, factor.value, factor.penalty) == (name, value, penalty)
    assert factor.explanation.endswith(".")
    assert confidence(evidence).score == max(0, 100 - penalty)


evidences = st.builds(
    lambda people, bots, conversions, minutes, read, rejected, days, untracked, sampled: Evidence(
        clicks=people + bots,
        bot_clicks=bots,
        conversions=conversions,
        freshness=replace(late(minutes), sampling={"edge": sampled} if sampled < 100 else {}),
        now=NOW,
        lines=read + rejected,
        rejected=rejected,
        days=days,
        untracked_days=min(untracked, days),
    ),
    people=st.integers(0, 10_000),
    bots=st.integers(0, 10_000),
    conversions=st.integers(0, 20_000),
    minutes=st.integers(0, 5_000),
    read=st.integers(0, 10_000),
    rejected=st.integers(0, 10_000),
    days=st.integers(1, 1_100),
    untracked=st.integers(0, 1_100),
    sampled=st.integers(1, 100),
)


@settings(deadline=None)
@given(evidence=evidences, more=st.integers(1, 5_000))
def test_worse_evidence_never_raises_the_score(evidence: Evidence, more: int) -> None:
    ended = evidence.freshness.last_updated_at
    assert ended is not None
    older = freshness(CompleteSync(NOW, ended - timedelta(minutes=more), dict(evidence.freshness.sampling)), 60, NOW)
    score = confidence(evidence).score
    assert 0 <= score <= 100
    worse = [
        replace(evidence, clicks=evidence.clicks + more, bot_clicks=evidence.bot_clicks + more),
        replace(evidence, bot_clicks=min(evidence.clicks, evidence.bot_clicks + more)),
        replace(evidence, conversions=evidence.conversions + more),
        replace(evidence, freshness=older),
        replace(evidence, freshness=Freshness(FreshnessStatus.UNKNOWN, None, 60)),
        replace(evidence, lines=evidence.lines + more, rejected=evidence.rejected + more),
        replace(evidence, untracked_days=min(evidence.days, evidence.untracked_days + more)),
    ]
    for one in worse:
        assert confidence(one).score <= score


@settings(deadline=None)
@given(evidence=evidences)
def test_a_thinner_sample_never_raises_the_score(evidence: Evidence) -> None:
    assume(evidence.freshness.sampling)
    thinner = {"edge": max(1, evidence.freshness.sampling["edge"] // 2)}
    worse = replace(evidence, freshness=replace(evidence.freshness, sampling=thinner))
    assert confidence(worse).score <= confidence(evidence).score


def test_as_many_conversions_as_qualified_clicks_are_no_doubt() -> None:
    assert confidence(replace(GOOD, conversions=180)).score == 100
    told = confidence(replace(GOOD, bot_clicks=30, conversions=151)).factors
    assert [factor.name for factor in told] == ["conversionsExceedClicks", "botRatio"]
