"""Whom a rule that is off would take for a bot, asked of a lake."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import CLICK_COUNTS, CLICKS
from ingest.classify import LIST_VERSION
from ingest.classify.trial import main
from ingest.clicks.user_agents import UserAgents, stable_hash

RULE = "unknown-product-after-browser"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
)
UNHEARD = f"{CHROME} Unheard/1.0"
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three clicks with Chrome, two with a product that nobody knows, one of a bot."""
    lake = Lake(str(tmp_path / "lake"))
    lake.open(CLICK_COUNTS)
    clicked = pl.DataFrame({"user_agent": [CHROME] * 3 + [UNHEARD] * 2 + ["curl/8.10.1"]})
    logged = clicked.with_columns(logged_id=stable_hash("user_agent"))
    UserAgents(lake, LIST_VERSION).judge(logged, AT)
    empty = pl.DataFrame(schema=CLICKS.schema)
    clicks = logged.select(
        day=pl.lit(date(2026, 11, 1)), user_agent_id="logged_id", at=pl.lit(AT).cast(CLICKS.schema["at"])
    )
    lake.append(lake.open(CLICKS), CLICKS, pl.concat([empty, clicks], how="diagonal").select(list(CLICKS.schema)))
    return lake


def test_a_trial_says_how_many_agents_and_clicks_a_rule_would_move(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([RULE, lake.url]) == 0

    assert capsys.readouterr().out == (
        f"own:{RULE} would take 1 of 2 agents of people for bots, with 2 of 5 clicks.\n2\t'{UNHEARD}'\n"
    )


@pytest.mark.parametrize("arguments", [[], [RULE], ["dart", "lake"], ["unheard", "lake"]])
def test_a_trial_of_no_rule_that_is_off_says_which_there_are(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert f"rules that are off: {RULE}." in capsys.readouterr().err


def test_a_trial_where_no_lake_is_says_so_and_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([RULE, str(tmp_path / "nothing")]) == 1
    assert capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()
