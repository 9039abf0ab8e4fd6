"""A program of its own that uses Clickledger as a library: `python -m support.elsewhere WORLD` says as JSON what it was
told of local days."""

from __future__ import annotations

import json
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.testclient import TestClient

from analytics_core.access import user_tokens
from analytics_core.api import create_app
from analytics_core.bootstrap import build
from analytics_core.exports.schedules import Delivery
from support.world import World

NOW = datetime(2026, 11, 16, 7, 15, tzinfo=UTC)  # the 16th in Vancouver; by its clocks of before 2026 still the 15th
ZONE = "America/Vancouver"
DAYS = {"tz": ZONE, "fromDay": "20261114", "toDay": "20261116"}


def main(folder: str) -> None:
    world = World(Path(folder), now=NOW)
    application = build(world.settings, clock=lambda: NOW)
    every_day = Delivery("d", "acme", "daily", "csv", {}, ZONE, "reports", NOW)
    with TestClient(create_app(lambda: application)) as client:
        token = user_tokens.mint(world.settings, "user_ann", now=NOW, lifetime=timedelta(hours=1))
        client.headers["Authorization"] = f"Bearer {token}"
        path = "/v2/handles/acme/analytics"
        answer = client.get(path, params={"groupBy": "day", **DAYS})
        newest = client.get(path, params={"groupBy": "day", "tz": ZONE}).json()
        events = client.get(f"{path}/export", params={"groupBy": "event", "format": "json", **DAYS}).json()
        metrics = client.get("/metrics").text
    application.analytics.close()
    body = answer.json()
    told = {
        "clicks": {row["key"]: row["clicks"] for row in body["rows"]},
        "range": body["range"],
        "etag": answer.headers["ETag"],
        "dataVersion": body["dataVersion"],
        "today": newest["range"]["toDay"],
        "events": [row["at"] for row in events["rows"]],
        "manifest": {name: events["manifest"][name] for name in ("timezoneRelease", "dataVersion")},
        "metrics": [line for line in metrics.splitlines() if line.startswith("clickledger_time_zones_info")],
        "due": [f"{period.from_day:%Y%m%d}" for period in every_day.due(NOW)],
        "programsOwn": str(datetime(2026, 11, 15, 12, tzinfo=zoneinfo.ZoneInfo(ZONE)).utcoffset()),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
