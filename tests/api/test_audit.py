"""The audit log over HTTP: page by page, nothing is left out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from support.api import NOW, Api

PATH = "/v2/handles/crowded/audit"


def page(api: Api, path: str = PATH, **parameters: str) -> list[dict[str, Any]]:
    answer = api.get(path, "user_0", **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["events"]


def test_events_of_one_and_the_same_time_are_read_page_by_page(api: Api) -> None:
    people = [{"userId": f"user_{number}", "role": "OWNER"} for number in range(25)]
    entry = {"handle": "crowded", "plan": "PRO", "planSince": "2026-01-01T00:00:00Z", "collaborators": people}
    api.world.load({"handles": [entry]})
    api.world.load({"handles": [entry | {"plan": "FREE"}]}, at=NOW + timedelta(seconds=1))
    everything = page(api, limit="1000")

    read = page(api, limit="10")
    while found := page(api, limit="10", before=read[-1]["eventId"]):
        read += found

    assert read == everything
    assert len({event["eventId"] for event in read}) == len(read) == 27
    assert read[0]["action"] == "plan.changed"
    assert {event["detail"].get("userId") for event in read} == {None, *(one["userId"] for one in people)}
    assert page(api, before="2026-03-12T12:00:01Z") == everything[1:]


def test_a_page_begins_at_an_event_of_the_same_log(api: Api) -> None:
    acme = api.get("/v2/handles/acme/audit", limit="1").json()["events"][0]["eventId"]
    for before in (acme, "0" * 32, "yesterday"):
        refused = api.get("/v2/handles/pro/audit", "user_owner", before=before)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_parameter")
