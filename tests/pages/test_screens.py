"""Every state of the screens: signed out, default, from the URL, locked, empty, first run, errors."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date, timedelta

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest
from support.logs import Request, realtime_text, write
from support.screens import Dashboard, follow_today, token, told

from analytics_core.store import tables
from analytics_core.store.lake_tables import CLICK_COUNTS
from analytics_core.ui import wording

BREAKDOWN = "breakdown.py"
FUNNEL = "funnel.py"


def labels(elements: object) -> list[str]:
    return [element.label for element in elements]  # type: ignore[attr-defined]


def metrics(screen: AppTest) -> dict[str, str]:
    assert not screen.exception
    return {metric.label: metric.value for metric in screen.metric}


def test_nobody_sees_the_sign_in_screen_and_no_numbers(dashboard: Dashboard) -> None:
    screen = dashboard.open(None)
    assert "Sign in to see your handles" in told(screen)
    assert not screen.metric
    people = labels(screen.button)
    assert any("user" in name and "Owner of acme" in name for name in people)
    assert any("Reviewer of every handle" in name for name in people)


def test_a_demo_user_signs_in_by_a_click_and_signs_out(dashboard: Dashboard) -> None:
    screen = dashboard.open(None)
    screen.button(key="demo-user_ann").click().run()
    assert metrics(screen)["Clicks"] == "12"
    sign_out = next(button for button in screen.button if button.label == "Sign out")
    sign_out.click().run()
    assert not screen.metric
    assert "Sign in to see your handles" in told(screen)


def test_demo_users_are_offered_in_a_demo_only(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKLEDGER_DEMO", "false")
    assert not any("Owner of acme" in name for name in labels(dashboard.open(None).button))


def test_a_pasted_token_signs_in(dashboard: Dashboard) -> None:
    screen = dashboard.open(None)
    screen.text_input[0].set_value(token(dashboard.world, "user_bob"))
    screen.form_submit_button[0].click().run()
    assert metrics(screen)["Clicks"] == "12"


@pytest.mark.parametrize(
    ("lifetime", "code"),
    [(timedelta(minutes=-5), "token_expired"), (None, "invalid_token")],
)
def test_a_bad_token_ends_at_the_sign_in_screen(dashboard: Dashboard, lifetime: timedelta | None, code: str) -> None:
    bad = token(dashboard.world, "user_ann", lifetime) if lifetime else "no-token"
    screen = dashboard.open_with(bad)
    assert code in told(screen)
    assert not screen.metric


@pytest.mark.parametrize(
    ("country", "is_told"), [("DE", True), ("-DE", False), ("DE,(not tracked)", False), ("", False)]
)
def test_days_that_look_empty_for_a_filter_are_explained(dashboard: Dashboard, country: str, is_told: bool) -> None:
    screen = dashboard.open(period="30d", country=country)
    assert bool(re.search(r"On 2\d of 30 days the logs did not carry the country\.", told(screen))) == is_told


def test_the_overview_counts_people_and_bots_and_links_to_the_breakdown(dashboard: Dashboard) -> None:
    screen = dashboard.open()
    assert metrics(screen) == {
        "Clicks": "12",
        "Qualified clicks": "9",
        "Bot clicks": "3",
        "Conversions": "0",
        "Revenue": "–",
    }
    assert {"launch **10**", "about **2**", "Germany **10**", "Austria **2**"} <= set(labels(screen.page_link))
    assert "25% of the clicks are bots" in told(screen)
    assert 'class="problem"' not in told(screen)


def test_a_site_whose_app_sends_visitors_says_on_hover_that_their_clicks_are_in_its_row(dashboard: Dashboard) -> None:
    world = dashboard.world
    yesterday = world.now - timedelta(days=1)
    sent = [
        Request(70, at=yesterday, referrer="android-app://com.linkedin.android/"),
        Request(71, at=yesterday, referrer="https://news.example.org/"),
    ]
    world.sync(write(world.folder / "app.gz", realtime_text(sent)))
    helps = {link.label.split(" **")[0]: link.proto.help for link in dashboard.open().page_link}
    assert helps["linkedin.com"].endswith("of all. Clicks in its app are among them")
    assert helps["example.org"].endswith("of all")


def test_the_handle_chooser_offers_what_the_user_may_see(dashboard: Dashboard) -> None:
    assert dashboard.open("user_ann").selectbox(key="handle").options == ["acme", "quiet"]
    assert dashboard.open("user_zoe").selectbox(key="handle").options == ["zed"]


@pytest.mark.parametrize("handle", ["zed", "no-such-handle"])
def test_a_handle_of_others_looks_like_one_that_does_not_exist(dashboard: Dashboard, handle: str) -> None:
    screen = dashboard.open("user_ann", handle=handle)
    assert f"There is no handle &#x27;{handle}&#x27;" in told(screen)
    assert "handle_not_found" in told(screen)
    assert not screen.metric


def test_the_address_restores_period_zone_dimension_and_filters(dashboard: Dashboard) -> None:
    screen = dashboard.open(page=BREAKDOWN, handle="acme", period="7d", tz="utc", by="country", country="-AT")
    assert screen.get_by_key("period").value == "7d"
    assert screen.get_by_key("tz").value == "UTC"
    assert screen.get_by_key("by").value == "country"
    assert "Country is not Austria" in labels(screen.button)
    table = screen.dataframe[0].value
    assert table[["name", "key", "clicks", "bots"]].to_numpy().tolist() == [["Germany", "DE", 10, 2]]


def test_a_chip_removes_its_filter_from_the_address(dashboard: Dashboard) -> None:
    screen = dashboard.open(handle="acme", country="DE,AT", slug="about")
    assert metrics(screen)["Clicks"] == "2"
    screen.button(key="chip-slug-about").click().run()
    assert screen.query_params["country"] == "DE,AT"
    assert "slug" not in screen.query_params
    assert metrics(screen)["Clicks"] == "12"


def test_another_handle_drops_the_filters_by_link(dashboard: Dashboard) -> None:
    screen = dashboard.open(handle="acme", slug="about", country="AT")
    screen.selectbox(key="handle").select("quiet").run()
    assert screen.query_params["handle"] == "quiet"
    assert screen.query_params["country"] == "AT"
    assert "slug" not in screen.query_params


def test_the_breakdown_shares_add_up_and_explain_odd_keys(dashboard: Dashboard) -> None:
    screen = dashboard.open("user_zoe", page=BREAKDOWN, handle="zed", by="country")
    table = screen.dataframe[0].value
    assert table["name"].tolist() == ["Unknown country"]
    assert table["share"].sum() == 100
    assert "had none for these" in told(screen)


def test_downloads_are_open_on_pro(dashboard: Dashboard) -> None:
    screen = dashboard.open(page=BREAKDOWN, handle="acme")
    found = {button.label: button.disabled for button in screen.button if button.label.startswith("Download")}
    assert found == {"Download CSV": False, "Download JSON": False}


def test_downloads_are_locked_on_free_and_name_the_plan(dashboard: Dashboard) -> None:
    screen = dashboard.open("user_zoe", page=BREAKDOWN, handle="zed")
    locked = [button for button in screen.button if button.label.startswith("Download")]
    assert [button.disabled for button in locked] == [True, True]
    assert "Exports are part of the plan PRO" in told(screen)


@pytest.mark.parametrize("page", ["overview.py", BREAKDOWN, FUNNEL])
def test_a_period_without_clicks_says_what_to_do(dashboard: Dashboard, page: str) -> None:
    screen = dashboard.open(page=page, handle="quiet")
    assert "No clicks in this period" in told(screen)
    assert "clickledger sync" in screen.code[0].value
    assert not screen.metric


def test_the_first_run_says_how_to_read_logs(unsynced: Dashboard) -> None:
    screen = unsynced.open()
    assert "No logs have been read yet" in told(screen)
    assert "clickledger sync" in screen.code[0].value


def test_days_are_picked_one_after_the_other(dashboard: Dashboard) -> None:
    screen = dashboard.open(handle="acme", period="custom", **{"from": "2026-03-02", "to": "2026-03-03"})
    screen.date_input(key="days").set_value([date(2026, 3, 8)]).run()
    assert screen.date_input(key="days").value == (date(2026, 3, 8),)
    assert screen.query_params["from"] == "2026-03-02"  # until there is a second day
    screen.date_input(key="days").set_value([date(2026, 3, 8), date(2026, 3, 9)]).run()
    assert (screen.query_params["from"], screen.query_params["to"]) == ("2026-03-08", "2026-03-09")


def test_a_handle_whose_kept_zone_is_none_is_shown_in_utc(dashboard: Dashboard) -> None:
    """Release 0.1.0 took what the machine calls its own."""
    with dashboard.world.database.begin() as connection:
        connection.execute(update(tables.handles).values(timezone="localtime"))
    screen = dashboard.open(handle="acme")
    assert screen.metric
    assert ", UTC" in told(screen)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ({"period": "9w"}, "invalid_date_range"),
        ({"period": "custom", "from": "2026-02-31"}, "invalid_date_range"),
        ({"period": "custom", "from": "2026-03-02", "to": "2026-03-01"}, "invalid_date_range"),
        ({"period": "custom", "from": "2010-01-01", "to": "2026-03-01"}, "invalid_date_range"),
        ({"tz": "Mars"}, "invalid_timezone"),
        ({"slug": "a"}, "invalid_slug"),
        ({"country": "DE,-AT"}, "invalid_parameter"),
    ],
)
def test_a_wrong_address_says_what_would_be_right(dashboard: Dashboard, address: dict[str, str], code: str) -> None:
    screen = dashboard.open(handle="acme", **address)
    assert f"Code: {code}" in told(screen)
    start_over = next(button for button in screen.button if button.label == "Start over")
    start_over.click().run()
    assert metrics(screen)["Clicks"] == "12"


def test_a_lake_that_does_not_answer_is_told_calmly(dashboard: Dashboard) -> None:
    dashboard.open()
    shutil.rmtree(dashboard.world.folder / "var" / "lake" / CLICK_COUNTS.name)
    (dashboard.world.folder / "var" / "lake" / CLICK_COUNTS.name).write_text("not a table")
    screen = dashboard.open()
    assert "Code: store_unavailable" in told(screen)
    assert not screen.metric


def test_the_funnel_without_conversions_says_how_to_report_them(dashboard: Dashboard) -> None:
    screen = dashboard.open(page=FUNNEL, handle="acme")
    assert metrics(screen) == {"Conversion rate": "0%", "Median time": "–", "90% within": "–", "Revenue": "–"}
    assert "Nobody posted a conversion" in told(screen)
    assert not screen.dataframe


def test_the_funnel_tells_how_many_how_fast_for_how_much_and_where_the_others_are(dashboard: Dashboard) -> None:
    follow_today(dashboard.world)
    screen = dashboard.open(page=FUNNEL, handle="acme")
    assert metrics(screen) == {"Conversion rate": "33.3%", "Median time": "30 s", "90% within": "1 min 30 s"}
    assert "<li>20 EUR</li><li>99.99 USD</li>" in told(screen)  # several currencies are never added up
    posts = screen.dataframe[0].value[["outcome", "posts"]].to_numpy().tolist()
    assert posts == [["Accepted", 2], ["Click not yet seen", 1], ["Duplicate", 2], ["Expired", 2]]
    assert "7 posts" in told(screen)
    assert "Final through" in told(screen)
    assert 'class="problem"' not in told(screen)


def test_the_funnel_tells_the_rates_from_the_step_before_and_from_the_first(dashboard: Dashboard) -> None:
    follow_today(dashboard.world)
    screen = dashboard.open(page=FUNNEL, handle="acme")
    figure = json.loads(screen.get("plotly_chart")[0].proto.spec)  # pyright: ignore[reportAttributeAccessIssue]
    assert figure["data"][0]["type"] == "funnel"
    assert figure["layout"]["yaxis"]["ticktext"] == [
        "Clicks<br><b>12</b>",
        "Qualified clicks<br><b>9</b> · 75.0%",
        "Conversions<br><b>3</b> · 33.3%<br>25.0% of clicks",
    ]
    assert "1 impression, 0.11 per qualified click" in told(screen)


def test_who_has_no_numbers_is_told_what_became_of_the_posts(dashboard: Dashboard) -> None:
    refused = {"handle": "quiet", "day": dashboard.world.now.date(), "outcome": "bad_signature", "posts": 4}
    with dashboard.world.database.begin() as connection:
        connection.execute(tables.conversion_outcomes.insert(), [refused])
    screen = dashboard.open(page=FUNNEL, handle="quiet")
    assert "No clicks in this period" in told(screen)
    assert screen.dataframe[0].value[["outcome", "posts"]].to_numpy().tolist() == [
        ["Accepted", 0],
        ["Bad signature", 4],
    ]
    assert not screen.metric


def test_the_funnel_is_split_and_its_address_says_so(dashboard: Dashboard) -> None:
    follow_today(dashboard.world)
    screen = dashboard.open(page=FUNNEL, handle="acme", split="country", counted="conversion")
    assert screen.get_by_key("counted").value == "Day of the conversion"
    rows = screen.dataframe[0].value[["name", "clicks", "conversions", "rate"]].to_numpy().tolist()
    assert rows == [["Germany", 10, 2, "25.0%"], ["Austria", 2, 0, "0%"], ["Pending", 0, 1, "–"]]
    assert "not in the logs yet" in told(screen)
    screen.selectbox(key="split").select("day").run()
    assert screen.query_params["split"] == "day"
    assert set(screen.dataframe[0].value["final"]) == {"final", "not final"}


def test_the_funnel_counts_conversions_on_the_days_of_the_overview_until_told_otherwise(dashboard: Dashboard) -> None:
    screen = dashboard.open(page=FUNNEL, handle="acme")
    assert screen.get_by_key("counted").value == "Day of the conversion"
    assert "as on the overview" in told(screen)
    assert "counted" not in screen.query_params
    clicked = dashboard.open(page=FUNNEL, handle="acme", counted="click")
    assert clicked.get_by_key("counted").value == "Day of the click"
    assert "what the clicks of these days led to" in told(clicked)


def test_a_funnel_of_another_handle_is_no_more_seen_than_its_clicks(dashboard: Dashboard) -> None:
    screen = dashboard.open("user_zoe", page=FUNNEL, handle="acme")
    assert "handle_not_found" in told(screen)
    assert not screen.metric


def test_the_breakdown_by_segment_has_conversions_and_money(dashboard: Dashboard) -> None:
    follow_today(dashboard.world)
    screen = dashboard.open(page=BREAKDOWN, handle="acme", by="segment")
    table = screen.dataframe[0].value
    row = table.set_index("name").loc["New"]
    assert (row["conversions"], row["impressions"], str(row["revenue_USD"])) == (2, 1, "99.9900")
    shown = json.loads(screen.dataframe[0].proto.columns)["revenue_USD"]["type_config"]
    assert (shown["format"], shown["step"]) == ("localized", 0.01)  # 99.90 beside 1,176.42
    overview = dashboard.open(handle="acme")
    assert metrics(overview)["Conversions"] == "3"
    assert "<li>99.99 USD</li>" in told(overview)


@pytest.mark.parametrize("page", [FUNNEL, BREAKDOWN])
def test_a_segment_that_is_none_is_told(dashboard: Dashboard, page: str) -> None:
    screen = dashboard.open(page=page, handle="acme", segment="loyal")
    assert "engaged_prospect" in told(screen)
    assert "Code: invalid_parameter" in told(screen)


TWO_CARDS = """
import streamlit as st
from analytics_core.ui import cards

with cards.card("First"):
    raise RuntimeError("a secret of the machine")
with cards.card("Second"):
    st.markdown("still here")
"""


def test_an_error_that_nobody_foresaw_stays_in_its_card_and_shows_an_id() -> None:
    screen = AppTest.from_string(TWO_CARDS).run()
    assert "Request id:" in told(screen)
    assert "still here" in told(screen)
    assert "secret" not in told(screen)


def test_the_address_restores_interval_and_comparison(dashboard: Dashboard) -> None:
    screen = dashboard.open(handle="acme", period="90d", interval="week", compare="previousYear", matchWeekdays="true")
    assert screen.get_by_key("interval").value == "week"
    assert screen.selectbox(key="comparison").value == ("previousYear", True)
    assert "Compared with " in told(screen)
    assert "up to the same time of its last day." in told(screen)
    assert metrics(screen)["Clicks"] == "12"

    screen.selectbox(key="comparison").select(("custom", False)).run()
    assert len(screen.query_params["compare"]) == len("20260101-20260131")
    assert "matchWeekdays" not in screen.query_params


def test_a_card_says_with_which_days_it_compares_and_draws_no_day_that_still_goes_on(dashboard: Dashboard) -> None:
    screen = dashboard.open(handle="acme", period="7d")
    first = dashboard.world.now.date() - timedelta(days=13)
    last = first + timedelta(days=6)
    for metric in list(screen.metric)[:4]:
        assert metric.proto.delta_description == f"vs {first.day} {first:%b} – {last.day} {last:%b}"
        assert len(metric.proto.chart_data) == 6, "today is not over"
    figure = json.loads(screen.get("plotly_chart")[0].proto.spec)  # pyright: ignore[reportAttributeAccessIssue]
    for bars in figure["data"]:
        assert bars["marker"]["opacity"] == [1.0] * 6 + [0.45]
        assert [" so far" in text for text in bars["hovertemplate"]] == [False] * 6 + [True]


def test_hours_are_offered_for_short_periods_alone(dashboard: Dashboard) -> None:
    assert dashboard.open(handle="acme", period="90d", interval="hour").get_by_key("interval").value == "day"
    assert dashboard.open(handle="acme", period="7d", interval="hour").get_by_key("interval").value == "hour"


def test_a_comparison_that_is_none_is_told(dashboard: Dashboard) -> None:
    assert "compare must be previous, previousYear or two days" in told(dashboard.open(handle="acme", compare="never"))


def test_hours_of_the_week_are_a_map_with_a_table_that_narrows_nothing(dashboard: Dashboard) -> None:
    screen = dashboard.open(page=BREAKDOWN, handle="acme", by="weekdayHour")
    table = screen.dataframe[0].value
    assert (len(table), table["clicks"].sum(), table["name"][0]) == (168, 12, "Monday, 00:00")
    assert "Tick a row" not in told(screen)


def test_campaigns_are_called_by_their_name(dashboard: Dashboard) -> None:
    screen = dashboard.open(page=BREAKDOWN, handle="acme", by="campaign")
    table = screen.dataframe[0].value
    assert table[["name", "key", "clicks"]].to_numpy().tolist() == [
        ["Spring launch", "spring-launch", 10],
        ["No campaign", "", 2],
    ]


@pytest.mark.parametrize(
    ("interval", "key", "name", "days"),
    [
        ("hour", "20261025T02+0200", "25 Oct 2026, 02:00 (+02:00)", ("2026-10-25", "2026-10-25")),
        ("hour", "20260101T00-0330", "1 Jan 2026, 00:00 (-03:30)", ("2026-01-01", "2026-01-01")),
        ("day", "20261025", "25 Oct 2026", ("2026-10-25", "2026-10-25")),
        ("week", "2026-W53", "Week 53, from 28 Dec 2026", ("2026-12-28", "2027-01-03")),
        ("month", "202602", "February 2026", ("2026-02-01", "2026-02-28")),
        ("month", "202612", "December 2026", ("2026-12-01", "2026-12-31")),
    ],
)
def test_times_are_called_what_readers_call_them(interval: str, key: str, name: str, days: tuple[str, str]) -> None:
    assert wording.key_name(interval, key) == name
    assert tuple(day.isoformat() for day in wording.days_of_key(key)) == days


NARROWED = """
from datetime import date
from analytics_core.model import Period
from analytics_core.ui import filter_chips
filter_chips.narrow("day", "{key}", Period(date(2026, 12, 30), date(2027, 1, 2)))
"""


@pytest.mark.parametrize(
    ("key", "days"),
    [
        ("2026-W53", ("2026-12-30", "2027-01-02")),
        ("202612", ("2026-12-30", "2026-12-31")),
        ("202701", ("2027-01-01", "2027-01-02")),
        ("20261231", ("2026-12-31", "2026-12-31")),
        ("20261231T02+0200", ("2026-12-31", "2026-12-31")),
        ("(other)", None),
    ],
)
def test_a_time_narrows_the_page_to_those_of_its_days_that_it_shows(key: str, days: tuple[str, str] | None) -> None:
    screen = AppTest.from_string(NARROWED.format(key=key), default_timeout=30).run()
    assert not screen.exception
    assert screen.query_params == ({"period": "custom", "from": days[0], "to": days[1]} if days else {})
