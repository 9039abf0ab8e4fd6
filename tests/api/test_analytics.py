"""The answer of `GET /v2/handles/{handle}/analytics`, as the contract shows it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from support.api import NOW, Api
from support.logs import Request, realtime_text, write
from support.world import World

from analytics_core.api import create_app
from analytics_core.api.answer_schemas import answer_json
from analytics_core.bootstrap import build
from analytics_core.model import Answer, Filter, Freshness, FreshnessStatus, Metrics, Period, Query, Row
from analytics_core.query.catalog import GROUPINGS
from analytics_core.query.parse import filter_text
from analytics_core.store import tables
from analytics_core.zones import RELEASE

RANGE = {"fromDay": "20260301", "toDay": "20260312"}
PATH = "/v2/handles/acme/analytics"


def test_the_answer_has_the_shape_of_the_contract(api: Api) -> None:
    response = api.get(PATH, groupBy="country", confidence="true", **RANGE)

    assert response.status_code == 200
    body = response.json()
    assert list(body) == [
        *("handle", "groupBy", "range", "filters", "dimension", "rows", "totals", "freshness", "confidence"),
        "dataVersion",
    ]
    assert body["range"] == {
        **{"fromDay": "20260301", "toDay": "20260312"},
        **{"timezone": "UTC", "timezoneRelease": RELEASE},
    }
    assert body["filters"] == {"campaignId": None, "slug": None}
    assert body["dimension"] == {"name": "country", "trackedFrom": "20260310"}
    assert body["rows"][0] == {
        "key": "US",
        "clicks": 2,
        "qualifiedClicks": 2,
        "botClicks": 0,
        "conversions": 0,
        "revenue": 0,
        "revenueByCurrency": {},
        "mixedCurrency": False,
    }
    assert {row["key"]: row["clicks"] for row in body["rows"]} == {"US": 2, "AT": 1, "BR": 1, "DE": 1}
    assert body["totals"]["clicks"] == 5
    assert body["totals"]["botClicks"] == 1
    assert body["freshness"] == {"status": "FRESH", "lastUpdatedAt": "2026-03-12T12:00:00Z", "slaMinutes": 60}
    assert 0 <= body["confidence"]["score"] <= 100


@pytest.mark.parametrize("group_by", ["day", "slug", "country", "device", "referrer", "segment"])
def test_every_breakdown_adds_up_to_the_totals(api: Api, group_by: str) -> None:
    body = api.get(PATH, groupBy=group_by, **RANGE).json()

    for metric in ("clicks", "qualifiedClicks", "botClicks"):
        assert sum(row[metric] for row in body["rows"]) == body["totals"][metric]
    assert body["totals"]["clicks"] == 5


def test_a_question_can_be_narrowed_to_every_key_that_an_answer_has(world: World, tmp_path: Path) -> None:
    sources = ["mail", "news, spring", "-minus", "back\\slash\\", "\\,"]
    lines = [Request(number, query=f"utm_source={quote(quote(said))}") for number, said in enumerate(sources)]
    world.sync(write(tmp_path / "a.log", realtime_text(lines)))
    application = build(world.settings, clock=lambda: NOW)
    with TestClient(create_app(lambda: application)) as client:
        api = Api(client, application, world)
        by_source = {"groupBy": "utmSource", **RANGE}
        keys = [row["key"] for row in api.get(PATH, **by_source).json()["rows"]]
        assert sorted(keys) == sorted(sources)
        for key in keys:
            only, but = (
                api.get(PATH, utmSource=filter_text(Filter("utmSource", (key,), is_dropped)), **by_source).json()
                for is_dropped in (False, True)
            )
            assert [row["key"] for row in only["rows"]] == [key]
            assert {row["key"] for row in but["rows"]} == set(sources) - {key}
            again = api.get(PATH, **by_source, utmSource=only["filters"]["utmSource"]).json()
            assert again["rows"] == only["rows"]
            export = api.get(f"{PATH}/export", **by_source, format="csv", utmSource=only["filters"]["utmSource"])
            manifest = api.get(f"{PATH}/exports/{export.headers['X-Export-Manifest']}").json()
            assert manifest["query"]["filters"] == {"utmSource": only["filters"]["utmSource"]}
    application.analytics.close()


def test_filters_combine_take_several_values_and_exclude(api: Api) -> None:
    both = api.get(PATH, groupBy="country", country="us,AT", slug="launch", **RANGE).json()
    without = api.get(PATH, groupBy="country", country="-BR,US", **RANGE).json()

    assert both["filters"] == {"campaignId": None, "slug": "launch", "country": "US,AT"}
    assert {row["key"]: row["clicks"] for row in both["rows"]} == {"US": 2}
    assert {row["key"] for row in without["rows"]} == {"AT", "DE"}


def test_the_rest_is_folded_and_compare_adds_the_period_before(api: Api) -> None:
    body = api.get(PATH, groupBy="country", limit="1", compare="previous", **RANGE).json()

    assert [row["key"] for row in body["rows"]] == ["US", "(other)"]
    assert body["rows"][1]["clicks"] == 3
    assert body["totals"]["previous"]["clicks"] == 0


def test_a_day_in_another_zone_begins_at_its_own_midnight(api: Api) -> None:
    body = api.get(PATH, groupBy="day", tz="Asia/Kathmandu", fromDay="20260310", toDay="20260310").json()

    assert body["rows"] == [row for row in body["rows"] if row["key"] == "20260310"]
    assert body["totals"]["clicks"] == 5


def test_a_repeated_poll_is_304_until_something_changes(api: Api) -> None:
    first = api.get(PATH, groupBy="day", **RANGE)
    headers = {"Authorization": f"Bearer {api.token()}", "If-None-Match": first.headers["ETag"]}

    again = api.client.get(PATH, params={"groupBy": "day", **RANGE}, headers=headers)
    other = api.client.get(PATH, params={"groupBy": "slug", **RANGE}, headers=headers)

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200
    stranger = {"Authorization": f"Bearer {api.token('user_eve')}", "If-None-Match": first.headers["ETag"]}
    assert api.client.get(PATH, params={"groupBy": "day", **RANGE}, headers=stranger).status_code == 404


def test_a_handle_is_found_whatever_its_case(api: Api) -> None:
    assert api.get("/v2/handles/ACME/analytics", groupBy="day", **RANGE).json()["handle"] == "acme"


def test_money_keeps_every_digit() -> None:
    revenue = {"USD": Decimal("123456789012.3400"), "EUR": Decimal("0.0001")}
    metrics = Metrics(clicks=1, conversions=2, revenue_by_currency=revenue)
    fresh = Freshness(FreshnessStatus.FRESH, NOW, 60)
    query = Query("acme", "slug", Period(NOW.date(), NOW.date()))
    text = answer_json(Answer(query, (Row("launch", metrics),), metrics, None, None, fresh, None, "1")).decode()

    assert '"USD":123456789012.34,' in text
    assert '"revenue":123456789012.3401' in text
    row = json.loads(text, parse_float=Decimal)["rows"][0]
    assert row["revenueByCurrency"] == revenue
    assert row["mixedCurrency"] is True


def test_a_funnel_alone_has_totals_and_no_rows(api: Api) -> None:
    body = api.get(PATH, funnel="true", **RANGE).json()

    assert list(body) == ["handle", "range", "filters", "totals", "freshness", "funnel", "dataVersion"]
    assert body["totals"]["impressions"] == 0
    assert body["funnel"] == {
        "conversionDay": "conversion",
        "finalThrough": "20260311",
        "stages": [
            {"name": "clicks", "count": 5, "rateFromPrevious": None, "rateFromFirst": None},
            {"name": "qualifiedClicks", "count": 4, "rateFromPrevious": 0.8, "rateFromFirst": 0.8},
            {"name": "conversions", "count": 0, "rateFromPrevious": 0.0, "rateFromFirst": 0.0},
        ],
        "impressions": {"count": 0, "perQualifiedClick": 0.0},
        "revenue": 0,
        "revenueByCurrency": {},
        "mixedCurrency": False,
        "timeToConversion": None,
        "posts": {
            "accepted": 0,
            "duplicate": 0,
            "keyReused": 0,
            "expired": 0,
            "badSignature": 0,
            "invalidField": 0,
            "rateLimited": 0,
            "clickNotYetSeen": 0,
        },
    }


def test_days_of_a_funnel_say_whether_they_are_final(api: Api) -> None:
    rows = api.get(PATH, groupBy="day", funnel="true", conversionDay="click", **RANGE).json()["rows"]

    assert [row["key"] for row in rows if not row["final"]] == ["20260312"]
    assert "final" not in api.get(PATH, groupBy="day", **RANGE).json()["rows"][0]


def test_impressions_are_shown_by_segment_and_in_the_funnel_alone(api: Api) -> None:
    by_segment = api.get(PATH, groupBy="segment", **RANGE).json()
    by_slug = api.get(PATH, groupBy="slug", **RANGE).json()
    funnel = api.get(PATH, groupBy="slug", funnel="true", **RANGE).json()

    shown = ["impressions" in body[part] for body in (by_segment, by_slug, funnel) for part in ("totals",)]
    assert shown == [True, False, True]
    assert "impressions" in by_segment["rows"][0]


def test_a_repeated_poll_of_a_funnel_sees_new_posts(api: Api) -> None:
    first = api.get(PATH, funnel="true", **RANGE)
    headers = {"Authorization": f"Bearer {api.token()}", "If-None-Match": first.headers["ETag"]}
    asked = {"params": {"funnel": "true", **RANGE}, "headers": headers}
    assert api.client.get(PATH, **asked).status_code == 304  # type: ignore[arg-type]

    row = {"handle": "acme", "day": NOW.date(), "outcome": "expired", "posts": 2}
    with api.application.database.begin() as connection:
        connection.execute(tables.conversion_outcomes.insert().values(row))

    again = api.client.get(PATH, **asked)  # type: ignore[arg-type]
    assert again.json()["funnel"]["posts"]["expired"] == 2


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "invalid_group_by"),
        ({"groupBy": "event"}, "invalid_group_by"),
        ({"groupBy": "day", "segment": "loyal"}, "invalid_parameter"),
        ({"groupBy": "day", "conversionDay": "signal"}, "invalid_parameter"),
        ({"groupBy": "day", "funnel": "1"}, "invalid_parameter"),
    ],
)
def test_a_parameter_that_is_none_is_told(api: Api, parameters: dict[str, str], code: str) -> None:
    response = api.get(PATH, **parameters)
    assert (response.status_code, response.json()["error"]) == (400, code)
    if code == "invalid_group_by":
        got = f"got {given!r}" if (given := parameters.get("groupBy")) else "it is missing"
        assert response.json()["message"] == f"groupBy must be one of {', '.join(GROUPINGS)}; {got}."


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("groupby", "groupBy"),
        ("from_day", "fromDay"),
        ("utm-source", "utmSource"),
        ("TZ", "tz"),
        ("country[]", "country"),
        ("country[0]", "country"),
        ("utm source", "utmSource"),
        ("sort ", "sort"),
        ("\N{LATIN SMALL LETTER LONG S}lug", "slug"),
    ],
)
@pytest.mark.parametrize("path", [PATH, f"{PATH}/export"])
def test_a_parameter_that_is_nearly_spelt_right_is_told_and_not_ignored(
    api: Api, path: str, wrong: str, right: str
) -> None:
    refused = api.get(path, groupBy="day", format="csv", **{wrong: "day"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_parameter")
    assert refused.json()["message"] == f"There is no parameter {wrong!r}; did you mean {right}?"
    assert api.get(path, groupBy="day", format="csv", cacheBuster="1", _="2").status_code == 200


def test_a_parameter_that_is_nearly_spelt_right_is_told_to_those_who_may_ask(api: Api) -> None:
    assert api.get(PATH.replace("acme", "nobody"), groupby="day").json()["error"] == "handle_not_found"
    assert api.get(PATH, groupBy="day", **{f"{'_' * 3_000}tz": "UTC"}).json()["message"] == (
        f"There is no parameter {'_' * 40!r}; did you mean tz?"
    )


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        ("/v2/posts", "from_day", "fromDay"),
        ("/v2/audit", "Before", "before"),
        ("/v2/handles/acme/audit", "LIMIT", "limit"),
    ],
)
def test_pages_of_reviewers_tell_it_too(api: Api, path: str, wrong: str, right: str) -> None:
    refused = api.get(path, "staff", **{wrong: "1"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_parameter")
    assert refused.json()["message"] == f"There is no parameter {wrong!r}; did you mean {right}?"
    assert api.get(path, "staff", cacheBuster="1").status_code == 200


def test_a_filter_that_stands_twice_has_both_values(api: Api) -> None:
    both = api.client.get(
        f"{PATH}?groupBy=country&country=US&country=&country=AT&fromDay=20260301&toDay=20260312&utm=1&utm=2",
        headers={"Authorization": f"Bearer {api.token()}"},
    )
    assert {row["key"] for row in both.json()["rows"]} == {"US", "AT"}
    assert both.json()["filters"]["country"] == "US,AT"


@pytest.mark.parametrize("order", ["country=-BR&country=US", "country=US&country=-BR"])
def test_keeping_and_dropping_in_one_question_is_refused_in_any_order(api: Api, order: str) -> None:
    refused = api.client.get(f"{PATH}?groupBy=country&{order}", headers={"Authorization": f"Bearer {api.token()}"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_parameter")
    assert "mixes values to keep and values to drop" in refused.json()["message"]


def test_dropping_twice_drops_both(api: Api) -> None:
    some = api.client.get(
        f"{PATH}?groupBy=country&country=-US&country=-AT&fromDay=20260301&toDay=20260312",
        headers={"Authorization": f"Bearer {api.token()}"},
    )
    assert some.json()["rows"]
    assert not {row["key"] for row in some.json()["rows"]} & {"US", "AT"}


@pytest.mark.parametrize("name", ["groupBy", "tz", "limit", "funnel"])
def test_another_parameter_may_not_stand_twice(api: Api, name: str) -> None:
    refused = api.client.get(
        f"{PATH}?groupBy=country&{name}=1&{name}=2", headers={"Authorization": f"Bearer {api.token()}"}
    )
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_parameter")
    assert name in refused.json()["message"]


def test_nor_may_the_format_of_a_download(api: Api) -> None:
    refused = api.client.get(
        f"{PATH}/export?groupBy=country&format=csv&format=json", headers={"Authorization": f"Bearer {api.token()}"}
    )
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "format must be given once; it is given more than once.",
    )


def test_a_method_of_anyones_choice_is_no_label(api: Api) -> None:
    api.client.request("PROPFIND", PATH)
    told = api.client.get("/metrics").text
    assert 'method="OTHER"' in told
    assert "PROPFIND" not in told


@pytest.mark.parametrize(
    ("parameters", "code", "said"),
    [
        (
            {"interval": "hour", "fromDay": "20260201", "toDay": "20260304"},
            "invalid_date_range",
            "The range has 32 days; with interval=hour it must have at most 31.",
        ),
        ({"interval": "year"}, "invalid_parameter", "interval must be hour, day, week or month; got 'year'."),
        (
            {"groupBy": "slug", "interval": "week"},
            "invalid_parameter",
            "interval must come with groupBy=day; got groupBy=slug.",
        ),
        (
            {"groupBy": "", "funnel": "true", "interval": "week"},
            "invalid_parameter",
            "interval must come with groupBy=day; groupBy is left out.",
        ),
        (
            {"compare": "lastWeek"},
            "invalid_parameter",
            "compare must be previous, previousYear or two days like 20260101-20260131; got 'lastWeek'.",
        ),
        (
            {"compare": "20260131-20260101"},
            "invalid_date_range",
            "The first day of compare must not be after its last day.",
        ),
        (
            {"compare": "20260101-20260132"},
            "invalid_date_range",
            "Each day of compare=20260101-20260132 must be a date like 20260228; got '20260132'.",
        ),
        (
            {"compare": "20200101-20260101"},
            "invalid_date_range",
            "The earlier period has 2193 days; at most 1100 days fit into one query.",
        ),
        (
            {"matchWeekdays": "true"},
            "invalid_parameter",
            "matchWeekdays must come with compare; it moves the period to compare with.",
        ),
        (
            {"compare": "previous", "matchWeekdays": "1"},
            "invalid_parameter",
            "matchWeekdays must be true or false; got '1'.",
        ),
    ],
)
def test_what_is_wrong_with_an_interval_or_a_comparison_is_told(
    api: Api, parameters: dict[str, str], code: str, said: str
) -> None:
    response = api.get(PATH, **{"groupBy": "day", **RANGE, **parameters})
    assert (response.status_code, response.json()["error"], response.json()["message"]) == (400, code, said)


def test_hours_of_the_week_say_how_many_hours_of_the_range_they_hold(api: Api) -> None:
    asked = {"groupBy": "weekdayHour", "fromDay": "20260403", "toDay": "20260405", "tz": "Australia/Lord_Howe"}
    response = api.get(PATH, **asked)
    hours = {row["key"]: row["hours"] for row in response.json()["rows"]}
    assert (len(hours), hours["4-00"], hours["5-00"], hours["7-01"]) == (168, 0, 1, 1.5)
    assert sum(hours.values()) == 72.5
    assert '"hours":1.5' in response.text
    assert '"hours":1}' in response.text.replace(',"previous"', "}")


def test_an_answer_says_what_it_compares_with_and_whether_that_ends_at_the_same_time(api: Api) -> None:
    over = api.get(PATH, groupBy="slug", fromDay="20260201", toDay="20260228", compare="previousYear").json()
    assert (over["previousRange"]["fromDay"], over["previousRange"]["toDay"]) == ("20250201", "20250228")
    assert over["soFar"] is False

    going_on = api.get(PATH, groupBy="day", interval="hour", fromDay="20260312", toDay="20260312", compare="previous")
    body = going_on.json()
    assert (body["interval"], body["soFar"]) == ("hour", True)
    assert ["previous" in row for row in body["rows"]] == [True] * 12 + [False] * 12

    assert "soFar" not in api.get(PATH, groupBy="slug", **RANGE).json()
