"""The answer of `GET /v2/handles/{handle}/analytics`, as the contract shows it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from support.api import NOW, Api

from analytics_core.api.schemas import answer_json
from analytics_core.model import Answer, Freshness, FreshnessStatus, Metrics, Period, Query, Row

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
    assert body["range"] == {"fromDay": "20260301", "toDay": "20260312", "timezone": "UTC"}
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


@pytest.mark.parametrize("group_by", ["day", "slug", "country", "device", "referrer"])
def test_every_breakdown_adds_up_to_the_totals(api: Api, group_by: str) -> None:
    body = api.get(PATH, groupBy=group_by, **RANGE).json()

    for metric in ("clicks", "qualifiedClicks", "botClicks"):
        assert sum(row[metric] for row in body["rows"]) == body["totals"][metric]
    assert body["totals"]["clicks"] == 5


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
