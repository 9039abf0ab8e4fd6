"""Short links served here: on paths, on hosts, beside the dashboard; and each of them in the redirect log."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import polars as pl
import pytest
from sqlalchemy import update
from starlette.testclient import TestClient
from support.api import NOW, Api, free_port
from support.loops import run
from support.posts import conversion, ctx, kept
from support.world import ROOT, World

from analytics_core.api import create_app
from analytics_core.bootstrap import build
from analytics_core.store import tables
from analytics_core.store.links import Links
from analytics_core.tracking.ctx import Context, verify

HOST = "acme.clickledger.localhost"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1"


def accounts() -> dict[str, Any]:
    def link(slug: str, **more: Any) -> dict[str, Any]:
        return {"slug": slug, "destinationUrl": f"https://shop.example/{slug}?a=1#top", **more}

    links = [
        link("launch", appendContextParam=True),
        link("plain", redirectStatus=307),
        link("gone", enabled=False),
        link("over", expiresAt="2026-01-01T00:00:00Z"),
        link("metrics"),
    ]
    plan = {"plan": "PRO", "planSince": "2026-01-01T00:00:00Z"}
    acme = {"handle": "acme", "domains": ["go.acme.example"], "links": links, **plan}
    return {"handles": [acme, {"handle": "zed", **plan}]}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {"CLICKLEDGER_TRUSTED_PROXIES": "1"}, now=NOW)
    made.load(accounts())
    return made


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    with served(world) as found:
        yield found


@contextmanager
def served(world: World) -> Iterator[Api]:
    application = build(world.settings, clock=lambda: NOW)
    with TestClient(create_app(lambda: application), raise_server_exceptions=False, follow_redirects=False) as client:
        yield Api(client, application, world)
    application.analytics.close()


def get(api: Api, path: str, host: str = HOST, method: str = "GET", **headers: str) -> httpx.Response:
    sent = {"Host": host, "X-Forwarded-For": "203.0.113.7"} | headers
    return api.client.request(method, path, headers=sent)


def said(api: Api, response: httpx.Response) -> Context:
    token = response.headers["Location"].partition("ctx=")[2].partition("#")[0]
    return verify(token, api.application.settings.ctx_keys, NOW)


def logs(world: World) -> Path:
    return world.settings.redirect_log_folder


def test_a_link_leads_to_its_destination_with_the_ctx_of_the_click(api: Api) -> None:
    response = get(api, "/launch")

    assert response.status_code == 302
    location = response.headers["Location"]
    assert location.startswith("https://shop.example/launch?a=1&ctx=")
    assert location.endswith("#top")
    assert response.headers["Cache-Control"] == "no-store"
    context = said(api, response)
    assert (context.handle, context.slug, context.clicked_at, context.consent) == ("acme", "launch", NOW, "full")
    assert context.click_id == response.headers["X-Amz-Cf-Id"]


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/plain", HOST, 307),
        ("/plain", "ACME.Clickledger.localhost:8501", 307),
        ("/plain", "go.acme.example", 307),
        ("/plain", "GO.acme.example.:443", 307),
        ("/r/acme/plain", "localhost:8501", 307),
        ("/r/ACME/plain", "testserver", 307),
        ("/r/acme/plain", HOST, 307),
        ("/metrics", HOST, 302),
        ("/Plain", HOST, 404),
        ("/pl%61in", HOST, 404),
        ("/r/acme/pl%61in", HOST, 307),
        ("/gone", HOST, 404),
        ("/over", HOST, 410),
        ("/none", HOST, 404),
        ("/", HOST, 404),
        ("/a/b", HOST, 404),
        ("/plain/", HOST, 404),
        ("/r/acme/plain/", "testserver", 404),
        ("/r/acme/plain//", "testserver", 404),
        ("/plain", "nobody.clickledger.localhost", 404),
        ("/plain", "www.acme.clickledger.localhost", 404),
        ("/plain", "testserver", 404),
        ("/r/nobody/plain", "testserver", 404),
        ("/metrics", "testserver", 200),
        ("/healthz", "testserver", 200),
        ("/v2/openapi.json", HOST, 200),
    ],
)
def test_who_answers_on_which_host(api: Api, path: str, host: str, status: int) -> None:
    response = get(api, path, host)

    assert response.status_code == status
    if status >= 400:
        assert response.json()["error"] == {404: "not_found", 410: "link_expired"}[status]
        assert response.json()["requestId"]


def test_head_is_as_get_and_nothing_else_is_possible(api: Api) -> None:
    for path, host in (("/plain", HOST), ("/r/acme/plain", "testserver")):
        head, posted = get(api, path, host, "HEAD"), get(api, path, host, "POST")
        assert (head.status_code, head.text) == (307, "")
        assert (posted.status_code, posted.json()["error"]) == (405, "method_not_allowed")
        assert "GET" in posted.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/plain/", HOST, 307),
        ("/plain", HOST, 307),
        ("/plain/?a=b", "go.acme.example", 307),
        ("/r/acme/plain/", "testserver", 307),
        ("/plain//", HOST, 404),
        ("//plain/", HOST, 404),
        ("/plain%2F", HOST, 404),
        ("/none/", HOST, 404),
    ],
)
def test_with_the_setting_a_slash_after_the_slug_does_not_matter(
    world: World, path: str, host: str, status: int
) -> None:
    """Here as at the edge, and in what sync counts."""
    world.environment = {**world.environment, "CLICKLEDGER_TRAILING_SLASH": "true"}
    with served(world) as api:
        assert get(api, path, host).status_code == status

    read = world.sync(logs(world)).identity

    assert (read.lines, read.clicks, read.invalid_slugs) == (1, status == 307, 0)
    assert world.clicks()["slug"].to_list() == ["plain"] * read.clicks


def test_a_visitor_who_objects_is_not_followed(api: Api) -> None:
    assert said(api, get(api, "/launch", **{"Sec-GPC": "1"})).consent == "denied"
    assert said(api, get(api, "/launch", DNT="1")).consent == "denied"
    assert said(api, get(api, "/launch", DNT="0")).consent == "full"


def test_a_chain_goes_on_with_its_session(api: Api) -> None:
    token = ctx(api.application.settings, NOW, session_id="s1", position=2)

    context = said(api, get(api, f"/launch?utm=x&ctx={token}"))

    assert (context.session_id, context.position) == ("s1", 3)


def test_every_request_on_a_handles_host_is_a_line_that_sync_reads(api: Api, world: World) -> None:
    chosen = {"User-Agent": PHONE, "Referer": "https://l.instagram.com/", "CloudFront-Viewer-Country": "AT"}
    ids = [get(api, "/launch", **chosen).headers["X-Amz-Cf-Id"], get(api, "/r/acme/plain?a=b", "testserver", **chosen)]
    get(api, "/over")
    get(api, "/a/b")
    get(api, "/plain", method="POST")
    get(api, "/plain", "nobody.clickledger.localhost")
    get(api, "/r/nobody/plain", "testserver")

    read = world.sync(logs(world)).identity

    assert (read.lines, read.clicks, read.not_redirects) == (6, 2, 4)
    clicks = world.clicks().sort("slug")
    assert clicks["slug"].to_list() == ["launch", "plain"]
    assert clicks["country"].to_list() == ["AT", "AT"]
    assert clicks["referrer"].unique().to_list() == ["instagram.com"]
    assert clicks["visitor"].n_unique() == 1
    assert clicks["at"].to_list() == [NOW, NOW]
    assert len(ids[0]) == 56
    assert "203.0.113.7" in next(logs(world).glob("*.log")).read_text()
    assert next(logs(world).glob("*.log")).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("slug", ["none", "plain", "pl%61in", "a b", "%ff", "x" * 300])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_nobody_learns_whether_a_handle_exists(api: Api, world: World, slug: str, method: str) -> None:
    """Of handles without the link: what there is, what there is not, what cannot be, and other spellings."""
    there, *others = (
        get(api, f"/r/{handle}/{slug}", "testserver", method)
        for handle in ("zed", "ZED", "nobody", "NOBODY", "not%20a%20handle", "%C3%A9", "n" * 300)
    )

    def told(response: httpx.Response) -> tuple[int, set[str], dict[str, str]]:
        body = response.json() if response.content else {}
        return response.status_code, set(response.headers), {k: v for k, v in body.items() if k != "requestId"}

    assert there.status_code == (405 if method == "POST" else 404)
    assert [told(one) for one in others] == [told(there)] * len(others)


@pytest.mark.parametrize("denied", [{"Sec-GPC": "1"}, {"DNT": "1"}, {"dnt": "1", "Sec-GPC": "1"}])
def test_who_denies_consent_is_nobody_that_returns(api: Api, world: World, denied: dict[str, str]) -> None:
    said_yes = {"DNT": "0", "X-Note": "Sec-GPC:1"}
    for headers in (denied, denied, said_yes, said_yes):
        token = said(api, get(api, "/launch", **{"User-Agent": PHONE}, **headers)).consent
        assert token == ("denied" if headers is denied else "full")

    world.sync(logs(world))

    assert sorted(world.clicks()["visitor"].is_null()) == [False, False, True, True]
    counted = world.counts().filter(pl.col("grain") == "day").group_by("segment").agg(pl.col("clicks").sum())
    assert dict(counted.iter_rows()) == {"unknown": 2, "new": 2}


@pytest.mark.parametrize("stored", ["javascript:alert(1)", "//shop.example/a", ""])
def test_a_destination_that_an_older_release_took_is_answered_as_before(api: Api, world: World, stored: str) -> None:
    with world.database.begin() as connection:
        connection.execute(update(tables.links).where(tables.links.c.slug == "plain").values(destination_url=stored))

    answered = get(api, "/plain")

    assert (answered.status_code, answered.headers["Location"]) == (307, stored)


def test_a_look_up_of_a_host_keeps_no_other_request_waiting(world: World) -> None:
    application = build(world.settings, clock=lambda: NOW)
    asked = threading.Barrier(5)

    def slow(_: object, domain: str) -> None:
        asked.wait(timeout=5)  # until all five are being looked up at the same time

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Links, "handle_of_domain", slow)

        async def ask(number: int) -> int:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(lambda: application))) as client:
                return (await client.get(f"http://host-{number}.example/healthz")).status_code

        async def ask_all() -> list[int]:
            return await asyncio.gather(*(ask(number) for number in range(5)))

        assert run(ask_all()) == [200] * 5
    application.analytics.close()


def test_a_full_disk_does_not_keep_visitors(api: Api, world: World) -> None:
    logs(world).write_text("no folder")

    assert get(api, "/plain").status_code == 307


def test_a_database_that_does_not_answer_is_503_on_a_handles_host_only(api: Api, world: World) -> None:
    for file in (world.folder / "var").glob("clickledger.sqlite*"):
        file.unlink()
    (world.folder / "var" / "clickledger.sqlite").mkdir()

    broken = get(api, "/plain")
    assert (broken.status_code, broken.json()["error"]) == (503, "store_unavailable")
    assert get(api, "/healthz", "testserver").status_code == 200


def test_click_redirect_conversion_and_sync_on_a_real_server(world: World, serve: Callable[[World], str]) -> None:
    """The whole loop of a laptop, with syncs while the log is written."""
    base = serve(world)
    here = World(world.folder, world.environment, now=datetime.now(NOW.tzinfo))
    with httpx.Client(headers={"X-Forwarded-For": "203.0.113.7", "Host": HOST}) as client:
        clicked = [client.get(f"{base}/launch") for _ in range(20)]
        first = here.sync(logs(world)).identity
        clicked += [client.get(f"{base}/plain") for _ in range(5)]
        token = clicked[0].headers["Location"].partition("ctx=")[2].partition("#")[0]
        posted = client.post(f"{base}/v2/public/conversions", json=conversion(token))
    second = here.sync(logs(world)).identity

    assert {one.status_code for one in clicked} == {302, 307}
    assert (first.lines, first.clicks, second.lines, second.clicks) == (20, 20, 5, 5)
    assert posted.status_code == 201
    assert kept(world.database)[0].click_id == clicked[0].headers["X-Amz-Cf-Id"]


def test_the_dashboard_keeps_its_own_host(world: World, tmp_path: Path) -> None:
    port = free_port()
    words = ["-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port), "--server.headless", "true"]
    with (tmp_path / "streamlit.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *words], env=world.process_environment(), cwd=ROOT, stdout=output, stderr=output
        )
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(300):
            with suppress(httpx.TransportError):
                if httpx.get(f"{base}/healthz", timeout=5).status_code == 200:
                    break
            time.sleep(0.1)
        page, linked = httpx.get(f"{base}/dashboard"), httpx.get(f"{base}/plain", headers={"Host": HOST})
        by_path = httpx.get(f"{base}/r/acme/plain")
        missing = httpx.get(f"{base}/dashboard", headers={"Host": HOST})
    finally:
        process.terminate()
        process.wait(timeout=20)

    assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert [one.status_code for one in (linked, by_path)] == [307, 307]
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    assert World(world.folder, world.environment, now=datetime.now(NOW.tzinfo)).sync(logs(world)).identity.clicks == 2
