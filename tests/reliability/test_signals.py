"""A session has room for 200 signals, however many processes count them at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from support.world import World

from analytics_core.store.ids import time_ordered_id
from analytics_core.store.signal_table import MOST_A_SESSION, Signal, record

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)


def signal() -> Signal:
    return Signal(
        signal_id=time_ordered_id(NOW),
        handle="acme",
        session_id="sig_acme_1_a",
        slug=None,
        click_id=None,
        clicked_at=None,
        consent=None,
        signal_key="intent",
        signal_value="",
        confidence=1.0,
        source=None,
        metadata=None,
        at=NOW,
    )


def test_who_counts_on_postgresql_waits_for_who_counts_already(world: World, postgresql: str) -> None:
    ended: list[str] = []
    world.environment = {"CLICKLEDGER_DATABASE_URL": postgresql}
    world.load()
    database = world.database

    def one_more() -> None:
        with database.begin() as connection:
            ended.extend(record(connection, [signal()]))

    second = threading.Thread(target=one_more)
    with database.begin() as connection:
        first = record(connection, [signal() for _ in range(MOST_A_SESSION)])
        second.start()
        second.join(timeout=0.5)  # what it does meanwhile, it does without seeing the first
    second.join()

    assert first == ["accepted"] * MOST_A_SESSION
    assert ended == ["session_full"]
