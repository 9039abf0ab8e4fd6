"""URL parameters to Query: defaults, every filter form, and every sentence of refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_core.errors import ClickledgerError, InvalidParameterError
from analytics_core.model import Filter, Period, Query
from analytics_core.query.catalog import FILTERS, GROUPINGS
from analytics_core.query.parse import check_query, filter_text, joined, parse_filter, parse_query

NOW = datetime(2026, 2, 28, 22, 30, tzinfo=UTC)


def parse(**parameters: str) -> Query:
    return parse_query("acme", {"groupBy": "country", **parameters}, NOW)


def test_what_is_left_out_has_a_default() -> None:
    assert parse() == Query("acme", "country", Period(date(2026, 1, 30), date(2026, 2, 28)))


def test_an_empty_or_unknown_parameter_counts_as_left_out() -> None:
    assert parse(country="", fromDay="", sort="", utm_source="x") == parse()


def test_today_is_the_day_of_the_asked_zone() -> None:
    assert parse(tz="Asia/Kolkata").period == Period(date(2026, 1, 31), date(2026, 3, 1), "Asia/Kolkata")


@pytest.mark.parametrize(
    ("given_days", "from_day", "to_day"),
    [
        ({"toDay": "20260115"}, date(2025, 12, 17), date(2026, 1, 15)),
        ({"fromDay": "20260220"}, date(2026, 2, 20), date(2026, 2, 28)),
        ({"fromDay": "20260401"}, date(2026, 4, 1), date(2026, 4, 1)),
        ({"fromDay": "20260101", "toDay": "20260101"}, date(2026, 1, 1), date(2026, 1, 1)),
        ({"fromDay": "20230225", "toDay": "20260228"}, date(2023, 2, 25), date(2026, 2, 28)),
    ],
)
def test_one_end_of_the_range_gives_the_other(given_days: dict[str, str], from_day: date, to_day: date) -> None:
    assert parse(**given_days).period == Period(from_day, to_day)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("country", "DE", Filter("country", ("DE",))),
        ("country", "de,at,DE", Filter("country", ("DE", "AT"))),
        ("country", "-br", Filter("country", ("BR",), exclude=True)),
        ("country", "-BR,US", Filter("country", ("BR", "US"), exclude=True)),
        ("country", "-BR,-US", Filter("country", ("BR", "US"), exclude=True)),
        ("country", "(not tracked)", Filter("country", ("(not tracked)",))),
        ("country", "-(not tracked)", Filter("country", ("(not tracked)",), exclude=True)),
        ("device", "mobile", Filter("device", ("MOBILE",))),
        ("referrer", "X.com", Filter("referrer", ("x.com",))),
        ("referrerHost", "M.Facebook.com", Filter("referrerHost", ("m.facebook.com",))),
        ("referrerHost", "www.google.com,google.com", Filter("referrerHost", ("google.com",))),
        ("referrerHost", "-WWW.Google.com.", Filter("referrerHost", ("google.com",), exclude=True)),
        ("referrerHost", "www.müller.de", Filter("referrerHost", ("xn--mller-kva.de",))),
        ("referrerHost", "www.com", Filter("referrerHost", ("www.com",))),
        ("referrerHost", "(not tracked),www.a.example", Filter("referrerHost", ("(not tracked)", "a.example"))),
        ("campaignId", "Spring, Fall", Filter("campaignId", ("Spring", "Fall"))),
        ("slug", "Launch", Filter("slug", ("Launch",))),
        ("slug", "-launch", Filter("slug", ("launch",), exclude=True)),
        ("slug", "--dash", Filter("slug", ("-dash",), exclude=True)),
        ("slug", "\\-dash", Filter("slug", ("-dash",))),
        ("slug", "launch,-dash", Filter("slug", ("launch", "-dash"))),
    ],
)
def test_a_filter_takes_values_and_exclusion(name: str, text: str, expected: Filter) -> None:
    assert parse(**{name: text}).filters == (expected,)


def test_every_grouping_parses_and_days_are_not_folded_unasked() -> None:
    for name in GROUPINGS:
        query = parse(groupBy=name, fromDay="20230225", toDay="20260228")
        assert query.limit == (1_100 if name == "day" else 1_000)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"groupBy": ""}, "invalid_group_by"),
        ({"groupBy": "campaignId"}, "invalid_group_by"),
        ({"groupBy": "", "funnel": "false"}, "invalid_group_by"),
        ({"groupBy": "day", "conversionDay": "signal"}, "invalid_parameter"),
        ({"groupBy": "day", "funnel": "yes"}, "invalid_parameter"),
        ({"groupBy": "day", "segment": "loyal"}, "invalid_parameter"),
        ({"groupBy": "event"}, "invalid_group_by"),
        ({"groupBy": "referrerHost"}, "invalid_group_by"),
        ({"fromDay": "2026-02-01"}, "invalid_date_range"),
        ({"fromDay": "20260230"}, "invalid_date_range"),
        ({"fromDay": "٢٠٢٦٠٢٠١"}, "invalid_date_range"),
        ({"fromDay": "00010101"}, "invalid_date_range"),
        ({"toDay": "99991231"}, "invalid_date_range"),
        ({"fromDay": "20260228", "toDay": "20260227"}, "invalid_date_range"),
        ({"fromDay": "20230224", "toDay": "20260228"}, "invalid_date_range"),
        ({"tz": "Mars/Olympus"}, "invalid_timezone"),
        ({"tz": "../../etc/passwd"}, "invalid_timezone"),
        ({"tz": "America"}, "invalid_timezone"),
        ({"tz": "localtime"}, "invalid_timezone"),
        ({"sort": "DESC"}, "invalid_sort"),
        ({"limit": "0"}, "invalid_limit"),
        ({"limit": "10001"}, "invalid_limit"),
        ({"limit": "-5"}, "invalid_limit"),
        ({"limit": "ten"}, "invalid_limit"),
        ({"limit": "9" * 5_000}, "invalid_limit"),
        ({"slug": "abc"}, "invalid_slug"),
        ({"slug": "launch,sp ace"}, "invalid_slug"),
        ({"slug": "launch\n"}, None),
        ({"country": "DE,-AT"}, "invalid_parameter"),
        ({"country": "DE,,AT"}, "invalid_parameter"),
        ({"country": ",".join(f"A{number}" for number in range(101))}, "invalid_parameter"),
        ({"compare": "next"}, "invalid_parameter"),
        ({"confidence": "yes"}, "invalid_parameter"),
        ({"asOf": "yesterday"}, "invalid_as_of"),
        ({"asOf": "2026-02-01T00:00:00"}, "invalid_as_of"),
        ({"asOf": "2026-03-01T00:00:00Z"}, "invalid_as_of"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_code(parameters: dict[str, str], code: str | None) -> None:
    if code is None:
        assert parse(**parameters).filters == (Filter("slug", ("launch",)),)
        return
    with pytest.raises(InvalidParameterError) as refused:
        parse(**parameters)
    assert refused.value.code == code
    assert refused.value.message.endswith((".", ")"))


def test_an_unknown_grouping_names_those_that_exist() -> None:
    with pytest.raises(ClickledgerError, match=rf"must be one of {', '.join(GROUPINGS)}; got 'campaignId'\."):
        parse(groupBy="campaignId")


def test_exports_may_ask_for_single_clicks() -> None:
    assert parse_query("acme", {"groupBy": "event"}, NOW, for_export=True).group_by == "event"


def test_as_of_is_kept_in_utc() -> None:
    assert parse(asOf="2026-02-01T05:30:00+05:30").as_of == datetime(2026, 2, 1, tzinfo=UTC)


@settings(deadline=None)
@given(
    parameters=st.dictionaries(
        st.sampled_from([*FILTERS, "fromDay", "toDay", "tz", "sort", "limit", "asOf"]), st.text()
    )
)
def test_any_text_gives_a_query_or_an_error_of_ours(parameters: dict[str, str]) -> None:
    try:
        query = parse(**parameters)
    except InvalidParameterError:
        return
    check_query(query)


def test_a_funnel_needs_no_grouping() -> None:
    asked = parse_query("acme", {"funnel": "true", "conversionDay": "click"}, NOW)
    assert (asked.group_by, asked.funnel, asked.conversion_day) == (None, True, "click")


def test_segments_are_known_and_named_to_who_misses() -> None:
    assert parse(segment="VIP,(pending)").filters == (Filter("segment", ("vip", "(pending)")),)
    with pytest.raises(InvalidParameterError, match=r"engaged_prospect, customer, vip, unknown, \(pending\)"):
        parse(segment="-loyal")


def test_single_conversions_are_asked_for_by_metric() -> None:
    asked = {"groupBy": "event", "metric": "conversions"}
    assert parse_query("acme", asked, NOW, for_export=True).events == "conversions"
    with pytest.raises(InvalidParameterError, match="metric"):
        parse_query("acme", {"groupBy": "day", "metric": "conversions"}, NOW, for_export=True)


@given(
    dimension=st.sampled_from(["slug", "referrer", "country", "utmSource"]),
    values=st.lists(st.text("-\\\\, ()aB.\n\xa0", min_size=1) | st.text(min_size=1), min_size=1, max_size=5),
    exclude=st.booleans(),
)
def test_a_filter_is_spelled_as_it_is_read(dimension: str, values: list[str], exclude: bool) -> None:
    one = Filter(dimension, tuple(_distinct(dimension, [_as_stored(dimension, value) for value in values])), exclude)

    assert parse_filter(dimension, filter_text(one)) == one
    apart = [filter_text(replace(one, values=(value,))) for value in one.values]
    assert parse_filter(dimension, joined(dimension, apart)) == one  # the parameter repeated


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a, b", ("a", "b")),
        (r"a\, b", ("a, b",)),
        (r" \ a\  ,b", (" a ", "b")),
        (r"\\,b", ("\\", "b")),
        (r"b,\-a", ("b", "-a")),
    ],
)
def test_a_backslash_takes_a_character_as_it_stands(text: str, values: tuple[str, ...]) -> None:
    assert parse_filter("utmSource", text).values == values


@pytest.mark.parametrize("texts", [["a\\"], ["a\\", "b"]])
def test_a_backslash_with_nothing_behind_it_is_told(texts: list[str]) -> None:
    with pytest.raises(InvalidParameterError, match="utmSource must not end with a single backslash"):
        parse_filter("utmSource", joined("utmSource", texts))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Chrome,chrome,SAFARI", ("Chrome", "SAFARI")),
        ("-chrome,-Chrome", ("chrome",)),
        ("(BOT),(bot)", ("(BOT)",)),
    ],
)
def test_a_browser_written_in_two_cases_is_one_value(text: str, values: tuple[str, ...]) -> None:
    assert parse_filter("browser", text).values == values
    assert parse_filter("utmSource", text).values == tuple(text.replace("-", "").split(","))  # case counts there


def _distinct(dimension: str, values: list[str]) -> list[str]:
    """The values without those that mean the same as an earlier one."""
    compared = [FILTERS[dimension].compared(value) for value in values]
    return [value for place, value in enumerate(values) if compared[place] not in compared[:place]]


def _as_stored(dimension: str, value: str) -> str:
    return value if value.startswith("(") else FILTERS[dimension].spelling(value)
