"""Downloads: what is in them, what a spreadsheet may not run, and what their manifest proves."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.types import Message
from support import loops
from support.api import NOW, Api, accounts
from support.filled import Click, Conversion, Signal, add_batch, fill
from support.world import World

from analytics_core import exports
from analytics_core.access.actors import Actor
from analytics_core.api import create_app
from analytics_core.bootstrap import build
from analytics_core.model import Period, Query
from analytics_core.web import download_response

PATH = "/v2/handles/acme/analytics/export"
DAYS = {"fromDay": "20260301", "toDay": "20260312"}


def test_a_csv_is_rfc_4180_with_the_dimension_and_the_metrics(api: Api) -> None:
    response = api.get(PATH, groupBy="country", format="csv", **DAYS)

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    expected = 'attachment; filename="acme-country-20260301-20260312.csv"'
    assert response.headers["Content-Disposition"] == expected
    assert response.text.count("\r\n") == 5
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert rows[0] == {"country": "US", "clicks": "2", "qualifiedClicks": "2", "botClicks": "0", "conversions": "0"}


def test_the_json_holds_the_rows_and_their_manifest(api: Api) -> None:
    response = api.get(PATH, groupBy="country", format="json", country="-BR", **DAYS)

    body = response.json()
    manifest = body["manifest"]
    assert {row["country"]: row["clicks"] for row in body["rows"]} == {"US": 2, "AT": 1, "DE": 1}
    assert manifest["rows"] == 3
    assert manifest["query"]["filters"] == {"country": "-BR"}
    rows_text = rows_in(response.content)
    assert json.loads(rows_text) == body["rows"]
    assert hashlib.sha256(rows_text).hexdigest() == manifest["sha256"]


def test_a_manifest_proves_the_bytes_of_a_csv_and_can_be_had_again(api: Api) -> None:
    response = api.get(PATH, groupBy="slug", format="csv", **DAYS)

    found = api.get(f"/v2/handles/acme/analytics/exports/{response.headers['X-Export-Manifest']}").json()

    assert found["sha256"] == hashlib.sha256(response.content).hexdigest()
    assert found["rows"] == len(response.text.splitlines()) - 1
    assert found["dataVersion"] == api.application.analytics.data_version()


@pytest.mark.parametrize("group_by", ["slug", "event"])
def test_a_spreadsheet_runs_no_cell(api: Api, group_by: str) -> None:
    rows = list(csv.reader(io.StringIO(api.get(PATH, groupBy=group_by, format="csv", **DAYS).text)))

    cells = [cell for row in rows[1:] for cell in row]
    assert "'-formula" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_single_clicks_come_in_order_without_visitors(api: Api) -> None:
    body = api.get(PATH, groupBy="event", format="json", **DAYS).json()

    assert len(body["rows"]) == 5
    assert [row["at"] for row in body["rows"]] == sorted(row["at"] for row in body["rows"])
    bot = next(row for row in body["rows"] if row["bot"])
    assert (bot["device"], bot["botRule"]) == ("BOT", "isbot:google")
    assert not [name for name in body["rows"][0] if "visitor" in name.lower()]


def test_an_empty_download_still_has_its_header(api: Api) -> None:
    response = api.get(PATH, groupBy="slug", format="csv", fromDay="20200101", toDay="20200102")

    assert response.text == "slug,clicks,qualifiedClicks,botClicks,conversions\r\n"


def test_money_in_a_download_is_exact_and_has_a_column_a_currency(tmp_path: Path) -> None:
    world = World(tmp_path, now=NOW)
    world.load(accounts())
    day = NOW - timedelta(days=1)
    lake = world.lake
    fill(
        lake,
        [
            [
                Click(day, number=1, visitor=1),
                Conversion(day + timedelta(seconds=90), 1, day, Decimal("99.9900"), "USD"),
                Conversion(day + timedelta(seconds=95), 1, day, Decimal("100.0000"), "EUR", event_type="=cmd"),
                Conversion(day, 2, day, Decimal("123456789012.3456"), "USD", slug="about"),
                Signal(day, 1, day, "launch"),
            ]
        ],
    )
    application = build(world.settings, clock=lambda: NOW)
    with TestClient(create_app(lambda: application)) as client:
        api = Api(client, application, world)
        slugs = api.get(PATH, groupBy="slug", format="csv", **DAYS).text
        segments = api.get(PATH, groupBy="segment", format="json", **DAYS)
        events = api.get(PATH, groupBy="event", metric="conversions", format="csv", **DAYS)
        single = api.get(PATH, groupBy="event", metric="conversions", format="json", slug="launch", **DAYS)
        refused = api.get(PATH, groupBy="day", metric="conversions", format="csv", **DAYS)
    application.analytics.close()

    assert slugs.splitlines() == [
        "slug,clicks,qualifiedClicks,botClicks,conversions,revenue_EUR,revenue_USD",
        "launch,1,1,0,2,100,99.99",
        "about,0,0,0,1,0,123456789012.3456",
    ]
    assert b'"conversions":1,"impressions":0,"revenue_EUR":0,"revenue_USD":123456789012.3456}' in segments.content
    assert 'filename="acme-conversions-20260301-20260312.csv"' in events.headers["Content-Disposition"]
    assert events.text.splitlines()[1:] == [
        "2026-03-11T12:00:00.000Z,about,(pending),(pending),(pending),(pending),(pending),(pending),purchase,"
        "123456789012.3456,USD,0,true" + 7 * ",(pending)",
        "2026-03-11T12:01:30.000Z,launch,,DE,DESKTOP,direct,,new,purchase,99.99,USD,90,false,Chrome,Windows,link,(none),(none),(none),"
        "(person)",
        "2026-03-11T12:01:35.000Z,launch,,DE,DESKTOP,direct,,new,'=cmd,100,EUR,95,false,Chrome,Windows,link,(none),(none),(none),"
        "(person)",
    ]
    assert [row["value"] for row in single.json()["rows"]] == [99.99, 100]
    assert single.json()["manifest"]["query"]["metric"] == "conversions"
    assert refused.json()["error"] == "invalid_parameter"


@pytest.mark.parametrize("file_format", ["csv", "json"])
@pytest.mark.parametrize("group_by", ["day", "slug", "country", "segment", "event", "event:conversions"])
def test_asking_for_a_manifest_again_gives_the_same_bytes_whatever_was_learnt_since(
    tmp_path: Path, group_by: str, file_format: str
) -> None:
    world = World(tmp_path, now=NOW)
    world.load(accounts())
    day, first, second = NOW - timedelta(days=2), NOW - timedelta(hours=3), NOW - timedelta(hours=1)
    clicks = [Click(day + timedelta(hours=n), number=n, visitor=n % 3, learnt_at=first) for n in range(1, 12)]
    sold = [Conversion(day + timedelta(hours=n), n, day, Decimal(n), "EUR", learnt_at=first) for n in (1, 4, 20)]
    late = [
        Click(day, number=20, visitor=1, country="AT", learnt_at=second),
        Click(day - timedelta(days=3), number=21, visitor=2, learnt_at=second),
        Conversion(day, 2, day, Decimal(5), "USD", learnt_at=second),
        Signal(day, 3, day, "launch", learnt_at=second),
    ]
    fill(world.lake, [[*clicks, *sold]])
    application = build(world.settings, clock=lambda: NOW)
    asked = {"groupBy": group_by.partition(":")[0], "metric": group_by.partition(":")[2], "format": file_format}
    with TestClient(create_app(lambda: application)) as client:
        api = Api(client, application, world)
        made = api.get(PATH, **{name: value for name, value in asked.items() if value}, slug="launch", **DAYS)
        add_batch(world.lake, late)
        manifest = api.get(f"/v2/handles/acme/analytics/exports/{made.headers['X-Export-Manifest']}").json()
        query = {name: value for name, value in manifest["query"].items() if name != "filters" and value is not None}
        again = api.get(PATH, format=file_format, **query, **manifest["query"]["filters"])
        newest = api.get(PATH, **{name: value for name, value in asked.items() if value}, slug="launch", **DAYS)
        one, other, third = (
            api.get(f"/v2/handles/acme/analytics/exports/{response.headers['X-Export-Manifest']}").json()["sha256"]
            for response in (made, again, newest)
        )
    application.analytics.close()

    assert one == other
    assert one != third
    assert rows_in(made.content) == rows_in(again.content)


def test_a_client_that_reads_nothing_is_left_alone_and_its_place_given_to_others(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_response, "_STALLED_SECONDS", 0.05)
    query = Query("acme", "slug", Period(NOW.date(), NOW.date(), "UTC"))
    download = exports.begin(api.application, query, Actor("user_ann"), "csv")

    async def receive() -> Message:
        await asyncio.sleep(3_600)
        raise AssertionError("nobody waits so long")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(3_600)

    with pytest.raises(download_response.BrokenOffError):
        loops.run(download_response.DownloadResponse(download)({"type": "http"}, receive, send))

    manifest = api.get(f"/v2/handles/acme/analytics/exports/{download.manifest.id}").json()
    assert (manifest["status"], manifest["reason"].split(":")[0]) == ("failed", "not_fetched")
    assert len([api.application.download_slots.take("acme") for _ in range(4)]) == 4


def rows_in(file: bytes) -> bytes:
    """What the hash is of: the whole CSV, or the rows array of the JSON."""
    return file.removeprefix(b'{"rows":').rpartition(b',"manifest":{')[0] or file
