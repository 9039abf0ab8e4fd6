"""Whom a rule that is off would take for a bot, asked of a lake."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analytics_core.store.lake import Lake
from analytics_core.store.lake_tables import ATTRIBUTIONS, CLICK_COUNTS, CLICKS
from ingest.classify import LIST_VERSION
from ingest.classify.behaviour import BEHAVIOURS
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
    """Three clicks with Chrome, two with a product that nobody knows, one of a bot, one with Chrome that is a bot's by
    its method. Out of a data centre come the first, of a visitor who bought something, and these last two."""
    lake = Lake(str(tmp_path / "lake"))
    lake.open(CLICK_COUNTS)
    clicked = pl.DataFrame(
        {
            "user_agent": [CHROME] * 3 + [UNHEARD] * 2 + ["curl/8.10.1", CHROME],
            "visitor": [1, 1, 2, 3, 3, 4, 1],
            "asn_owner": ["ovh", *["none"] * 4, "ovh", "ovh"],
            "asn_kind": ["data-centre", *["none"] * 4, "data-centre", "data-centre"],
            "method": ["GET"] * 6 + ["HEAD"],
        }
    )
    logged = clicked.with_columns(logged_id=stable_hash("user_agent"))
    UserAgents(lake, LIST_VERSION).judge(logged, AT)
    empty = pl.DataFrame(schema=CLICKS.schema)
    clicks = logged.select(
        *("visitor", "asn_owner", "asn_kind", "method"),
        day=pl.lit(date(2026, 11, 1)),
        user_agent_id="logged_id",
        at=pl.lit(AT).cast(CLICKS.schema["at"]),
    )
    bought = pl.DataFrame({"visitor": [1, 1, 2], "conversions": [1, 0, 0], "month": ["2026-11"] * 3})
    attributions = pl.concat([pl.DataFrame(schema=ATTRIBUTIONS.schema), bought], how="diagonal_relaxed")
    lake.append(lake.open(ATTRIBUTIONS), ATTRIBUTIONS, attributions.select(list(ATTRIBUTIONS.schema)))
    lake.append(lake.open(CLICKS), CLICKS, pl.concat([empty, clicks], how="diagonal").select(list(CLICKS.schema)))
    return lake


def test_a_trial_says_how_many_agents_and_clicks_a_rule_would_move(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([RULE, lake.url]) == 0

    assert capsys.readouterr().out == (
        f"{RULE} would take 2 of 5 clicks of people for bots' (agents: 1, visitors: 1; clicks of visitors who "
        f"converted: 0).\n2\town:{RULE}\t'{UNHEARD}'\n"
    )


def test_a_trial_of_a_request_rule_asks_the_clicks_and_tells_how_many_are_customers(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path for path in Path(lake.url).rglob("*") if path.is_file()}

    assert main(["data-centre", lake.url]) == 0

    assert capsys.readouterr().out == (
        "data-centre would take 1 of 5 clicks of people for bots' (agents: 1, visitors: 1; clicks of visitors who "
        f"converted: 1).\n1\tdata-centre:ovh\t'{CHROME}'\n"
    )
    assert {path for path in Path(lake.url).rglob("*") if path.is_file()} == before


def test_a_trial_of_a_behaviour_does_not_depend_on_how_lines_were_cut_into_batches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logged = pl.DataFrame({"user_agent": [CHROME]}).with_columns(logged_id=stable_hash("user_agent"))
    checks = [("HEAD", 0), ("GET", 1), ("GET", 3)]
    visits = [("GET", number) for number in range(20)]
    rows = [
        {
            "day": AT.date(),
            "event_id": number,
            "at": AT + timedelta(seconds=second),
            "method": method,
            "visitor": 1 if number < len(checks) else 2,
            "slug": "launch" if number < len(checks) else str(number),
            "user_agent_id": logged.item(0, "logged_id"),
        }
        for number, (method, second) in enumerate([*checks, *visits])
    ]
    clicks = pl.DataFrame(rows, schema=CLICKS.schema)
    said: set[str] = set()
    for name, batches in (("one", [clicks]), ("three", [clicks[12:], clicks[1:12], clicks[:1]])):
        lake = Lake(str(tmp_path / name))
        lake.open(CLICK_COUNTS)
        UserAgents(lake, LIST_VERSION).judge(logged, AT)
        for batch in batches:
            lake.append(lake.open(CLICKS), CLICKS, batch)
        assert [main([rule, lake.url]) for rule in BEHAVIOURS] == [0, 0]
        said.add(capsys.readouterr().out)

    assert said == {
        "behaviour:head-then-get would take 1 of 22 clicks of people for bots' (agents: 1, visitors: 1; clicks of "
        f"visitors who converted: 0).\n1\tbehaviour:head-then-get\t'{CHROME}'\n"
        "behaviour:many-links would take 20 of 22 clicks of people for bots' (agents: 1, visitors: 1; clicks of "
        f"visitors who converted: 0).\n20\tbehaviour:many-links\t'{CHROME}'\n"
    }


@pytest.mark.parametrize("arguments", [[], [RULE], ["dart", "lake"], ["unheard", "lake"]])
def test_a_trial_of_no_rule_that_is_off_says_which_there_are(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert (
        f"rules that are off: {RULE}, data-centre, behaviour:head-then-get, behaviour:many-links."
        in capsys.readouterr().err
    )


def test_a_trial_where_no_lake_is_says_so_and_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([RULE, str(tmp_path / "nothing")]) == 1
    assert f"must be a folder or an s3:// prefix that holds a lake; got '{tmp_path}/nothing'" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()
