"""The demo world, ingested by the real command and asked through the real API, is what its generator knows it to be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from starlette.testclient import TestClient
from support.world import World

from analytics_core.api import create_app
from analytics_core.bootstrap import build

GROUPINGS = ("day", "slug", "country", "device", "referrer")
HANDLES = ("smallhours", "nilaray", "tarnandfell")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, object], TestClient]]:
    world = World(tmp_path_factory.mktemp("demo"))
    world.run("demo", "--days", "25", "--lines", "30000")
    folder = world.folder / "var" / "world"
    world.environment = {"CLICKLEDGER_SOURCES": str(folder / "sources.toml")}
    told = world.run_json("sync")
    truth = json.loads((folder / "truth.json").read_text())
    assert {name: told[name] for name in truth["lines"]} == truth["lines"]
    application = build(world.settings)
    with TestClient(create_app(lambda: application)) as client:
        yield world, truth, client
    application.analytics.close()


@pytest.mark.parametrize("group_by", GROUPINGS)
@pytest.mark.parametrize("handle", HANDLES)
def test_every_breakdown_is_the_truth(
    demo: tuple[World, dict[str, object], TestClient], handle: str, group_by: str
) -> None:
    world, truth, client = demo
    token = world.run_token("reviewer", "--staff")
    days = {name: truth["period"][name] for name in ("fromDay", "toDay")}  # type: ignore[index]

    response = client.get(
        f"/v2/handles/{handle}/analytics",
        params={"groupBy": group_by, "limit": "10000", **days},
        headers={"Authorization": f"Bearer {token}"},
    )

    known = truth["handles"][handle]["breakdowns"][group_by]  # type: ignore[index]
    shown = {row["key"]: row for row in response.json()["rows"] if row["clicks"]}
    metrics = ("clicks", "qualifiedClicks", "botClicks")
    assert {key: [row[name] for name in metrics] for key, row in shown.items()} == {
        key: [row[name] for name in metrics] for key, row in known.items() if row["clicks"]
    }


@pytest.mark.parametrize("handle", HANDLES)
def test_conversions_and_revenue_are_the_truth(demo: tuple[World, dict[str, object], TestClient], handle: str) -> None:
    world, truth, client = demo
    token = world.run_token("reviewer", "--staff")
    days = {name: truth["period"][name] for name in ("fromDay", "toDay")}  # type: ignore[index]

    response = client.get(
        f"/v2/handles/{handle}/analytics",
        params={"groupBy": "country", "funnel": "true", **days},
        headers={"Authorization": f"Bearer {token}"},
    )

    posts = response.json()["funnel"]["posts"]
    assert posts["accepted"] == truth["handles"][handle]["conversions"]  # type: ignore[index]
    totals = json.loads(response.content, parse_float=Decimal)["totals"]
    known = truth["handles"][handle]  # type: ignore[index]
    assert totals["conversions"] == known["conversions"] > 0
    assert totals["revenueByCurrency"] == {code: Decimal(amount) for code, amount in known["revenue"].items()}
    assert "(pending)" not in {row["key"] for row in response.json()["rows"]}


def test_making_it_again_reuses_what_is_there(demo: tuple[World, dict[str, object], TestClient]) -> None:
    world, _, _ = demo
    world.run("demo", "--days", "25", "--lines", "30000")

    assert world.run_json("sync")["lines"] == 0
