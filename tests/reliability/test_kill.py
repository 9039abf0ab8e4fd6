"""A sync that is killed at any moment, again and again, loses nothing and counts nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
from soak.programs import CATCHES_UP
from support import forks
from support.logs import GOOGLEBOT, Request, realtime_text, write
from support.world import World

KILLS = 20
LINES_A_FILE = 1_200


def make_file(folder: Path, part: int) -> list[Request]:
    """A file with its own clicks, some that another file holds too, and lines that are no clicks."""
    first = part * 1_000
    lines = [Request(number, path="/launch" if number % 5 else "/about") for number in range(first, first + 1_000)]
    lines += [Request(number) for number in range(max(first - 50, 0), first)]
    lines += [Request(first + number, request_id=f"bot{first + number}", user_agent=GOOGLEBOT) for number in range(50)]
    lines += [Request(first + number, request_id=f"gone{first + number}", status="404") for number in range(100)]
    random.Random(part).shuffle(lines)
    write(folder / f"{part:03}.gz", realtime_text(lines) + "garbage\n")
    return lines


def test_twenty_kills_lose_nothing_and_count_nothing_twice(world: World, tmp_path: Path) -> None:
    chance = random.Random(50)
    world.environment = {"CLICKLEDGER_BATCH_MEGABYTES": "1"}
    folder = tmp_path / "logs"
    written: list[Request] = []
    killed = 0
    for part in range(KILLS):
        written += make_file(folder, part)
        words = [sys.executable, "-c", CATCHES_UP, "sync", "--source", str(folder)]
        process = forks.start(words, world.process_environment(), tmp_path, stderr=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.readline()  # the plan: from here on there is work to interrupt
        time.sleep(chance.uniform(0, 0.35))
        process.kill()
        process.stderr.close()
        killed += process.wait() < 0

    world.run("sync", "--source", str(folder))

    clicks = {request.id for request in written if request.status == "302"}
    facts = world.clicks()
    assert killed >= KILLS // 2
    assert facts.height == facts["event_id"].n_unique() == len(clicks)
    days = world.counts().filter(pl.col("grain") == "day")
    assert days["clicks"].sum() == len(clicks)
    assert days["bot_clicks"].sum() == KILLS * 50
    by_slug = dict(days.group_by("slug").agg(pl.col("clicks").sum()).iter_rows())
    assert by_slug["about"] == len({request.id for request in written if request.path == "/about"})
    checks = world.run_json("verify", "--json")
    assert [check["name"] for check in checks if not check["holds"]] == []
    with world.database.connect() as connection:
        lines, clicked, rejected, unfinished = connection.exec_driver_sql(
            "SELECT sum(lines), sum(clicks), sum(rejected), (SELECT count(*) FROM objects WHERE NOT complete) "
            "FROM batches"
        ).one()
    assert (lines, clicked, rejected, unfinished) == (len(written) + KILLS, len(clicks), KILLS, 0)
