"""Run by `test_made_up_dimension.py` in a checkout whose DIMENSIONS have one row more, `engine`, and nothing else new
but what tells it: the engine that a user agent names."""

from __future__ import annotations

import shutil
import tarfile

from starlette.testclient import TestClient
from support.logs import CHROME, GOOGLEBOT, IPHONE, Request, realtime_text, write
from support.screens import Dashboard, token
from support.world import ROOT

from analytics_core.api import create_app
from analytics_core.bootstrap import build

DAYS = {"fromDay": "20260310", "toDay": "20260312"}
ROWS = [("Blink", 61), ("(bot)", 1), ("WebKit", 1)]


def test_it_is_answered_filtered_exported_and_shown_on_an_old_lake(unsynced: Dashboard) -> None:
    """The lake of release 0.1.0 holds 60 clicks of Chrome."""
    world = unsynced.world
    shutil.rmtree(world.folder / "var" / "lake", ignore_errors=True)
    with tarfile.open(ROOT / "tests" / "fixtures" / "state-of-0.1.0.tar.xz") as kept:
        kept.extractall(world.folder / "var", filter="data")
    agents = (CHROME, IPHONE, GOOGLEBOT)
    lines = [Request(500 + number, user_agent=agent) for number, agent in enumerate(agents)]
    world.sync(write(world.folder / "new.gz", realtime_text(lines)))

    assert all(check["holds"] for check in world.run_json("verify", "--json"))
    application = build(world.settings, clock=lambda: world.now)
    with TestClient(create_app(lambda: application), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {token(world, 'user_ann')}"
        path = "/v2/handles/acme/analytics"
        answer = client.get(path, params=dict(groupBy="engine", **DAYS)).json()
        assert [(row["key"], row["clicks"]) for row in answer["rows"]] == ROWS
        assert answer["dimension"] == {"name": "engine", "trackedFrom": "20260310"}
        as_it_stood = client.get(
            path, params=dict(groupBy="engine", asOf=world.now.isoformat(), tz="Asia/Kolkata", **DAYS)
        ).json()
        assert [(row["key"], row["clicks"]) for row in as_it_stood["rows"]] == ROWS
        filtered = client.get(path, params=dict(groupBy="country", engine="-Blink", **DAYS)).json()
        assert filtered["totals"]["clicks"] == 2
        exported = client.get(f"{path}/export", params=dict(groupBy="engine", format="csv", **DAYS)).text
        assert exported.splitlines()[:2] == ["engine,clicks,qualifiedClicks,botClicks,conversions", "Blink,61,61,0,0"]
        events = client.get(f"{path}/export", params=dict(groupBy="event", format="json", **DAYS)).json()["rows"]
        assert sorted(event["engine"] for event in events) == ["(bot)", *["Blink"] * 61, "WebKit"]
        named = [
            one["name"]
            for one in client.get("/v2/openapi.json").json()["paths"]["/v2/handles/{handle}/analytics"]["get"][
                "parameters"
            ]
        ]
        assert "engine" in named

    days = {"period": "custom", "from": "2026-03-10", "to": "2026-03-12"}
    screen = unsynced.open(page="breakdown.py", handle="acme", by="engine", **days)
    assert screen.dataframe[0].value["name"].tolist() == [key for key, _ in ROWS]
    assert "Break down by: Browser engines" in screen.selectbox(key="by").options
