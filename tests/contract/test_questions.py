"""The golden questions of questions.toml, each asked of the roll-ups and, as of now, of the facts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.filled import NOW, Click, Conversion, Filled, Signal, filled, open_engine

from analytics_core.access.actors import Actor
from analytics_core.engines.engine import Engine
from analytics_core.exports import digits
from analytics_core.model import Metrics
from analytics_core.query.parse import parse_query
from analytics_core.query.rows import previous_total, total

BOOK: dict[str, Any] = tomllib.loads((Path(__file__).parent / "questions.toml").read_text())
STAFF = Actor("sue", is_staff=True)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = open_engine()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def world(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    unlogged = {"country": None, "referrer": None, "agent": None}
    clicks = [Click(**{**unlogged, **click}) for click in BOOK["world"]["clicks"]]
    conversions = [Conversion(**{**one, "value": Decimal(one.get("value", 0))}) for one in BOOK["world"]["conversions"]]
    signals = [Signal(**one) for one in BOOK["world"]["signals"]]
    first, second = [*clicks[1::2], *conversions], [*clicks[::2], *signals]
    return filled(tmp_path_factory.mktemp("questions"), engine, first, second)


@pytest.mark.parametrize("as_of", [None, NOW], ids=["roll-ups", "facts"])
@pytest.mark.parametrize("question", BOOK["question"], ids=[question["title"] for question in BOOK["question"]])
def test_a_golden_question(world: Filled, question: dict[str, Any], as_of: Any) -> None:
    query = replace(parse_query(question.get("handle", "acme"), question["ask"], NOW), as_of=as_of)
    answer = world.analytics.run(query, STAFF)
    assert [[row.key, row.metrics.clicks, row.metrics.bot_clicks] for row in answer.rows] == question["rows"]
    previous = [row.previous and [row.previous.clicks, row.previous.bot_clicks] for row in answer.rows]
    expected = [None if one == "none" else one for one in question.get("previous", ["none"] * len(answer.rows))]
    assert previous == expected
    assert answer.totals == total(answer.rows)
    if answer.previous_totals is not None:
        left_over = question.get("previous_left_over", [0, 0])
        beside = previous_total(answer.rows)
        found = (answer.previous_totals.clicks - beside.clicks, answer.previous_totals.bot_clicks - beside.bot_clicks)
        assert list(found) == left_over
    if "after" in question:
        assert [[row.key, *_after(row.metrics)] for row in answer.rows] == question["after"]
    if "after_previous" in question:
        assert [_after(row.previous) for row in answer.rows if row.previous] == question["after_previous"]
    if "tracked_from" in question:
        assert answer.tracked_from == question["tracked_from"]


def _after(metrics: Metrics) -> list[Any]:
    money = {code: digits(amount) for code, amount in metrics.revenue_by_currency.items()}
    return [metrics.conversions, metrics.impressions, money]
