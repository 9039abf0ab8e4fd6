"""The API behind a proxy that cuts a prefix off: `uvicorn analytics_core.api:app --root-path /stats`."""

from __future__ import annotations

import httpx2 as httpx
from support.servers import SERVER, running
from support.world import World


def test_every_door_is_where_it_was_and_the_description_names_the_prefix(world: World) -> None:
    world.load()
    with (
        running(world, *SERVER, "--root-path", "/stats") as (base, _),
        httpx.Client(base_url=base, timeout=60) as client,
    ):
        described = client.get("/v2/openapi.json").json()
        docs = client.get("/v2/docs")
        posted = client.post("/v2/public/conversions", json={}, headers={"Origin": "https://shop.example"})
        large = client.post("/v2/public/conversions", content=b"a" * 100_000)
        short = client.get("/r/acme/launch")
        unknown = client.get("/v2/nope")

    assert described["servers"] == [{"url": "/stats"}]
    assert "style-src" in docs.headers["Content-Security-Policy"]
    assert (posted.status_code, posted.headers["Access-Control-Allow-Origin"]) == (400, "*")
    assert large.status_code == 413
    assert short.status_code == 302
    assert unknown.json()["message"] == "There is nothing at /stats/v2/nope."
