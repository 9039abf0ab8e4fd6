"""Downloads hold no cell that a spreadsheet would run, whoever chose the slug, the referrer or the campaign."""

from __future__ import annotations

import csv
import io

import pytest
from starlette.testclient import TestClient
from support.api import NOW, Api
from support.logs import Request, realtime_text, write
from support.world import World

from analytics_core.api import create_app
from analytics_core.bootstrap import build

RANGE = {"fromDay": "20260301", "toDay": "20260312", "format": "csv"}
RUN = ("=", "+", "-", "@", "\t", "\r")
CAMPAIGNS = [f"{first}cmd|' /C calc'!A{number}" for number, first in enumerate(RUN)]
SLUGS = ["-formula", "--dashes", "plain"]
REFERRERS = [
    *("=HYPERLINK(1)", "@SUM(1+1)", "+1-1", "-2+3", "%09=1", "%0d=1", "http://=1+1.example/", "android-app://=x/"),
    *("https://-evil.example/", "https://@evil.example/"),
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Api:
    world = World(tmp_path_factory.mktemp("formulas"), now=NOW)
    slugs = [f"camp{number}" for number in range(len(CAMPAIGNS))]
    world.load(
        {
            "handles": [
                {
                    "handle": "acme",
                    "plan": "PRO",
                    "planSince": "2026-01-01T00:00:00Z",
                    "collaborators": [{"userId": "user_ann", "role": "OWNER"}],
                    "campaigns": [{"campaignId": one, "name": one} for one in CAMPAIGNS],
                    "links": [
                        {"slug": slug, "destinationUrl": "https://x.example", "campaignId": one}
                        for slug, one in zip(slugs, CAMPAIGNS, strict=True)
                    ],
                }
            ]
        }
    )
    requests = [Request(path=f"/{slug}") for slug in (*SLUGS, *slugs)]
    requests += [Request(path="/plain", referrer=one) for one in REFERRERS]
    numbered = [Request(**{**_fields(one), "number": number}) for number, one in enumerate(requests)]
    world.sync(write(world.folder / "logs" / "a.gz", realtime_text(numbered)))
    application = build(world.settings, clock=lambda: NOW)
    return Api(TestClient(create_app(lambda: application)), application, world)


def _fields(one: Request) -> dict[str, object]:
    return {name: getattr(one, name) for name in Request.__dataclass_fields__}


@pytest.mark.parametrize("group_by", ["slug", "referrer", "event"])
def test_no_cell_of_a_download_is_a_formula(hostile: Api, group_by: str) -> None:
    answer = hostile.get("/v2/handles/acme/analytics/export", groupBy=group_by, **RANGE)

    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert answer.status_code == 200
    assert len(rows) > len(SLUGS)
    assert [cell for row in rows for cell in row if cell.startswith(RUN)] == []
    guarded = [cell for row in rows for cell in row if cell.startswith("'")]
    assert guarded, "the world is hostile"
    assert all(cell[1:].startswith(RUN) for cell in guarded)


def test_campaigns_and_slugs_are_guarded_one_by_one(hostile: Api) -> None:
    answer = hostile.get("/v2/handles/acme/analytics/export", groupBy="event", **RANGE)
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))

    assert {row["campaignId"] for row in rows} - {""} == {f"'{one}" for one in CAMPAIGNS}
    assert {"'-formula", "'--dashes", "plain"} <= {row["slug"] for row in rows}


def test_json_keeps_every_character(hostile: Api) -> None:
    answer = hostile.get("/v2/handles/acme/analytics/export", groupBy="event", **(RANGE | {"format": "json"}))
    assert set(CAMPAIGNS) == {row["campaignId"] for row in answer.json()["rows"]} - {None}
