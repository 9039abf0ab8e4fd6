"""Every error has one shape, and each code is met through the door."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient
from support.api import Api
from support.logs import realtime_text, requests, write
from support.world import World

from analytics_core import errors
from analytics_core.access import user_tokens
from analytics_core.api import create_app
from analytics_core.bootstrap import build
from analytics_core.store import tables

PATH = "/v2/handles/acme/analytics"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "invalid_group_by"),
        ({"groupBy": "colour"}, "invalid_group_by"),
        ({"groupBy": "day", "fromDay": "2026-01-01"}, "invalid_date_range"),
        ({"groupBy": "day", "fromDay": "20260230"}, "invalid_date_range"),
        ({"groupBy": "day", "fromDay": "20260301", "toDay": "20260228"}, "invalid_date_range"),
        ({"groupBy": "day", "fromDay": "20200101", "toDay": "20260228"}, "invalid_date_range"),
        ({"groupBy": "day", "tz": "Mars/Olympus"}, "invalid_timezone"),
        ({"groupBy": "day", "tz": "localtime"}, "invalid_timezone"),
        ({"groupBy": "day", "sort": "sideways"}, "invalid_sort"),
        ({"groupBy": "day", "limit": "0"}, "invalid_limit"),
        ({"groupBy": "day", "limit": "10001"}, "invalid_limit"),
        ({"groupBy": "day", "slug": "a b"}, "invalid_slug"),
        ({"groupBy": "day", "asOf": "yesterday"}, "invalid_as_of"),
        ({"groupBy": "day", "asOf": "0001-01-01T00:00:00+14:00"}, "invalid_as_of"),
        ({"groupBy": "day", "compare": "future"}, "invalid_parameter"),
    ],
)
def test_a_wrong_parameter_has_its_code_and_a_sentence(api: Api, parameters: dict[str, str], code: str) -> None:
    response = api.get(PATH, **parameters)

    assert response.status_code == 400
    body = response.json()
    assert list(body) == ["error", "message", "requestId"]
    assert body["error"] == code
    assert body["message"].endswith(".")
    assert body["requestId"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"country": "Germany"},
            "country must be an ISO 3166-1 code of two letters such as DE, or ZZ where the log has none; "
            "got 'GERMANY'.",
        ),
        ({"country": "DE,A"}, "got 'A'."),
        ({"country": "-D3X"}, "got 'D3X'."),
        (
            {"device": "phone"},
            "device must be one of MOBILE, TABLET, DESKTOP, BOT, UNKNOWN, (pending), (not tracked); got 'PHONE'.",
        ),
        ({"segment": "rich"}, "segment must be one of new, "),
    ],
)
def test_a_filter_by_a_value_that_no_click_can_have_is_refused(
    api: Api, parameters: dict[str, str], sentence: str
) -> None:
    for path in (PATH, f"{PATH}/export"):
        refused = api.get(path, groupBy="day", format="csv", **parameters)

        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_parameter")
        assert sentence in refused.json()["message"]


@pytest.mark.parametrize(
    "parameters", [{"country": "de,ZZ,(not tracked),(pending)"}, {"device": "mobile,(not tracked)"}]
)
def test_a_filter_by_a_value_that_a_click_may_have_is_answered(api: Api, parameters: dict[str, str]) -> None:
    assert api.get(PATH, groupBy="day", **parameters).status_code == 200


def test_a_wrong_format_has_its_code(api: Api) -> None:
    for wrong, said in (({}, "it is missing"), ({"format": "xml"}, "got 'xml'")):
        refused = api.get(f"{PATH}/export", groupBy="day", **wrong).json()
        assert refused["error"] == "invalid_format"
        assert refused["message"] == f"format must be one of csv, json; {said}."


@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/handles/acme/analytics/exports/none"])
def test_what_is_not_there_is_404(api: Api, path: str) -> None:
    response = api.get(path)

    assert (response.status_code, response.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v2/handles/acme/tokens", "GET, POST"),
        ("/v2/handles/acme/tokens/0123456789abcdef", "DELETE"),
        ("/v2/public/conversions", "POST"),
        ("/r/acme/launch", "GET, HEAD"),
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
    ],
)
def test_another_method_is_told_all_that_are_possible(api: Api, path: str, allowed: str) -> None:
    refused = api.client.put(path)
    assert (refused.status_code, refused.headers["Allow"]) == (405, allowed)
    assert allowed in refused.json()["message"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_load_balancer_may_ask_for_health_with_head(api: Api, path: str) -> None:
    asked, got = api.client.head(path), api.client.get(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"") == (200, b"")
    assert asked.headers["Content-Length"] == got.headers["Content-Length"]


def test_another_method_is_405_in_the_same_shape(api: Api) -> None:
    response = api.client.post(PATH)

    assert (response.status_code, response.json()["error"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET"


@pytest.mark.parametrize("user", ["user_eve"])
def test_a_handle_that_one_may_not_know_is_404_like_one_that_is_not_there(api: Api, user: str) -> None:
    hidden = api.get(PATH, user, groupBy="day")
    missing = api.get("/v2/handles/nobody/analytics", user, groupBy="day")

    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["error"] == missing.json()["error"] == "handle_not_found"
    assert hidden.json()["message"].replace("acme", "nobody") == missing.json()["message"]


@pytest.mark.parametrize("broken", ["lake", "database"])
def test_a_store_that_does_not_answer_is_503(world: World, broken: str) -> None:
    world.sync(write(world.folder / "a.gz", realtime_text(requests(3))))
    application = build(world.settings)
    token = user_tokens.mint(
        world.settings, "user_ann", now=application.clock(), lifetime=timedelta(hours=1), is_staff=False
    )
    with TestClient(create_app(lambda: application), raise_server_exceptions=False) as client:
        assert client.get("/readyz").status_code == 200
        if broken == "lake":
            for table in ("click_counts", "coverage"):
                shutil.rmtree(world.folder / "var" / "lake" / table)
                (world.folder / "var" / "lake" / table).write_text("no folder")
        else:
            for file in (world.folder / "var").glob("clickledger.sqlite*"):
                file.unlink()
            (world.folder / "var" / "clickledger.sqlite").mkdir()
        answers = [
            client.get("/readyz"),
            client.get(PATH, params={"groupBy": "day"}, headers={"Authorization": f"Bearer {token}"}),
        ]
        counts = client.get("/metrics")
    assert 'route="/readyz",status="503"} 1.0' in counts.text
    assert [(one.status_code, one.json()["error"]) for one in answers] == [(503, "store_unavailable")] * 2
    application.analytics.close()


def test_a_lake_that_is_gone_is_503_and_no_zeros(world: World) -> None:
    """A disk that is not mounted, a setting that names another place: before and after a restart."""
    world.sync(write(world.folder / "a.gz", realtime_text(requests(3))))
    running = build(world.settings)
    token = user_tokens.mint(
        world.settings, "user_ann", now=running.clock(), lifetime=timedelta(hours=1), is_staff=False
    )
    with TestClient(create_app(lambda: running), raise_server_exceptions=False) as client:
        assert client.get("/readyz").status_code == 200
        shutil.move(world.folder / "var" / "lake", world.folder / "away")
        answers = [client.get("/readyz")]
    started = build(world.settings)
    with TestClient(create_app(lambda: started), raise_server_exceptions=False) as client:
        headers = {"Authorization": f"Bearer {token}"}
        answers += [client.get("/readyz"), client.get(PATH, params={"groupBy": "day"}, headers=headers)]
    assert [(one.status_code, one.json()["error"]) for one in answers] == [(503, "store_unavailable")] * 3
    for application in (running, started):
        application.analytics.close()


def test_a_lake_that_was_restored_from_an_older_backup_is_503(world: World) -> None:
    """Before and after a restart; and a lake that is newer than the ledger answers."""
    lake, older = world.folder / "var" / "lake", world.folder / "older"
    world.sync(write(world.folder / "a.gz", realtime_text(requests(3))))
    shutil.copytree(lake, older)
    world.sync(write(world.folder / "b.gz", realtime_text(requests(3, start=3))))
    running = build(world.settings)
    token = user_tokens.mint(
        world.settings, "user_ann", now=running.clock(), lifetime=timedelta(hours=1), is_staff=False
    )
    headers, question = {"Authorization": f"Bearer {token}"}, {"groupBy": "day"}
    with TestClient(create_app(lambda: running), raise_server_exceptions=False) as client:
        assert client.get("/readyz").status_code == 200
        lake.rename(world.folder / "newer")
        older.rename(lake)
        answers = [client.get("/readyz"), client.get(PATH, params=question, headers=headers)]
    started = build(world.settings)
    with TestClient(create_app(lambda: started), raise_server_exceptions=False) as client:
        answers += [client.get("/readyz"), client.get(PATH, params=question, headers=headers)]
        assert [(one.status_code, one.json()["error"]) for one in answers] == [(503, "store_unavailable")] * 4
        assert "older than the ledger" in answers[-1].json()["message"]

        lake.rename(older)
        (world.folder / "newer").rename(lake)
        with world.database.begin() as connection:
            connection.execute(tables.batches.delete().where(tables.batches.c.lake_version > 1))
        started.lake.forget()
        assert client.get(PATH, params=question, headers=headers).status_code == 200
    for application in (running, started):
        application.analytics.close()


def test_an_unexpected_failure_tells_no_secret(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(type(api.application.analytics), "run", fail)

    response = api.get(PATH, groupBy="day")

    assert (response.status_code, response.json()["error"]) == (500, "internal_error")
    assert "hunter2" not in response.text
    assert response.json()["requestId"] == response.headers["X-Request-Id"]


def test_the_request_id_of_the_caller_is_kept_when_it_is_sane(api: Api) -> None:
    sane = api.client.get("/healthz", headers={"X-Request-Id": "trace-42"})
    wild = api.client.get("/healthz", headers={"X-Request-Id": "a b\t<script>"})

    assert sane.headers["X-Request-Id"] == "trace-42"
    assert "<" not in wild.headers["X-Request-Id"]


def test_every_code_that_a_caller_can_meet_is_documented(api: Api) -> None:
    document = api.client.get("/v2/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    responses = [
        response["description"]
        for path in document["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
    ]
    told = " ".join(responses)
    outside = {"internal_error", "method_not_allowed", "invalid_settings", "invalid_accounts_file", "invalid_source"}
    outside.add("invalid_list_version")  # of the command line alone
    outside.add("request_head_too_large")  # the server says it, before it is known what is asked for
    for one in _all_errors(errors.ClickledgerError):
        assert one.code in outside or f"`{one.code}`" in told, one.code


def _all_errors(root: type[errors.ClickledgerError]) -> list[type[errors.ClickledgerError]]:
    return [root, *(found for child in root.__subclasses__() for found in _all_errors(child))]


def test_a_real_server_answers_like_the_app(world: World, serve: Callable[[World], str]) -> None:
    world.sync(write(world.folder / "a.gz", realtime_text(requests(20))))
    base = serve(world)
    token = world.run_token("user_ann")

    def get(path: str, **parameters: str) -> httpx.Response:
        return httpx.get(base + path, params=parameters, headers={"Authorization": f"Bearer {token}"})

    days = {"fromDay": "20260301", "toDay": "20260331"}
    assert get(PATH, groupBy="slug", **days).json()["totals"]["clicks"] == 20
    assert get(f"{PATH}/export", groupBy="slug", format="csv", **days).text.splitlines()[1].startswith("launch,20,")
    assert httpx.get(f"{base}{PATH}").json()["error"] == "missing_bearer_token"
    assert "clickledger_http_requests_total" in httpx.get(f"{base}/metrics").text
    assert httpx.get(f"{base}/v2/docs").status_code == 200
