"""The same ingest and the same answers with PostgreSQL as the database."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

from support.logs import realtime_text, requests, write
from support.world import World

from analytics_core import exports
from analytics_core.access.actors import Actor
from analytics_core.bootstrap import build
from analytics_core.model import Period, Query


def test_ingest_access_and_exports_work_on_postgresql(world: World, postgresql: str, tmp_path: Path) -> None:
    there = replace(world, environment={"CLICKLEDGER_DATABASE_URL": postgresql, "CLICKLEDGER_BATCH_MEGABYTES": "1"})
    there.load()
    for part in range(6):
        text = realtime_text(requests(1_500, start=1_500 * part)) + "garbage with a \0\n"
        write(tmp_path / "logs" / f"{part}.gz", text)
    both = [there.start("sync", "--source", str(tmp_path / "logs")) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    assert all(check["holds"] for check in there.run_json("verify", "--json"))
    assert len(there.run_json("rejects", "--json")) == 6
    assert there.sync(tmp_path / "logs").identity.lines == 0
    application = build(there.settings, clock=lambda: there.now)
    query = Query("acme", "slug", Period(date(2026, 3, 1), date(2026, 3, 31)), confidence=True)
    answer = application.analytics.run(query, Actor("user_ann"))
    made = exports.begin(application, query, Actor("user_ann"), "csv")
    assert answer.totals.clicks == 9_000
    whole = b"".join(made.pieces())
    made.close()
    kept = exports.find_manifest(application.database, "acme", made.manifest.id, there.now)
    assert kept == made.manifest
    assert kept.sha256 == hashlib.sha256(whole).hexdigest()
    application.analytics.close()
    application.database.engine.dispose()
