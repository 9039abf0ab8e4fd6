"""Every redirect that a visitor got is a click, once, through kills of the server and syncs at any moment."""

from __future__ import annotations

import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx2 as httpx
from support.servers import SERVER, running
from support.world import World

from analytics_core.bootstrap import build

HOST = {"Host": "acme.clickledger.localhost"}


def test_kills_of_the_server_and_syncs_in_between_lose_no_click(world: World) -> None:
    chance = random.Random(8)
    folder = world.settings.redirect_log_folder
    told: list[str] = []
    lines = clicks = 0

    def follow(base: str) -> None:
        with httpx.Client(headers=HOST) as client, suppress(httpx.TransportError):
            for _ in range(200):
                told.append(client.get(f"{base}/launch").headers["X-Amz-Cf-Id"])

    for kill in range(4):
        with running(world, *SERVER) as (base, process), ThreadPoolExecutor(6) as threads:
            visitors = [threads.submit(follow, base) for _ in range(6)]
            time.sleep(chance.uniform(0.1, 0.5))
            if kill != 2:
                found = world.run_json("sync", "--source", str(folder))
                lines, clicks = lines + found["lines"] - found["duplicates"], clicks + found["clicks"]
            process.kill()
            for visitor in visitors:
                visitor.result()
        if kill == 1:  # as if it had died between two steps of gzipping
            plain = next(folder.glob("*.log"))
            shutil.copy(plain, plain.with_name(f".{plain.name}.gz.part"))

    left = list(folder.glob("*.log"))
    build(world.settings).start()
    found = world.run_json("sync", "--source", str(folder))
    lines, clicks = lines + found["lines"] - found["duplicates"], clicks + found["clicks"]

    assert left
    assert {path.suffix for path in folder.iterdir()} == {".gz"}
    assert len(told) == len(set(told)) > 100
    assert world.clicks().height == world.clicks()["event_id"].n_unique() == clicks == lines
    assert len(told) <= clicks <= len(told) + 4 * 6  # answered, or killed between the line and the answer
    assert all(check["holds"] for check in world.run_json("verify", "--json"))
