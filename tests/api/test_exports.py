"""Downloads: what is in them, what a spreadsheet may not run, and what their manifest proves."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import pytest
from support.api import Api

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
    rows_text = response.content.split(b'},"rows":', 1)[1][:-1]
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
