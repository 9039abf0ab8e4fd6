"""Programs that work side by side on one lake, and die: every number stays that of the lines that were written.

The rounds of `make soak`, short: its programs run in workers that import the product once, on a folder and SQLite. The
long run has S3 and PostgreSQL too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from soak.programs import CATCHING_UP, Api
from soak.rounds import Soak
from soak.stores import folder_and_sqlite
from support.worker import Workers

SEED = "side by side"
JWT_SECRET = "j" * 40
LOGS, LINES, ROUNDS = 2, 30, 10


@pytest.fixture
def soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Soak]:
    monkeypatch.setenv("CLICKLEDGER_JWT_SECRET", JWT_SECRET)
    with folder_and_sqlite(tmp_path / "soak") as store:
        workers = Workers(store, random.Random(SEED))
        crowd = (CATCHING_UP, "compact", "deliver")
        made = Soak(store, workers, Api(store), SEED, logs=LOGS, lines=LINES, days=3, crowd=crowd)
        try:
            made.begin(jwt.encode({"sub": "reviewer", "role": "STAFF", "exp": 4_000_000_000}, JWT_SECRET))
            yield made
        finally:
            made.end()
            workers.end()


def test_ten_rounds_side_by_side_and_then_some_with_kills_count_every_line_once(soak: Soak) -> None:
    answers = kills = 0
    for number in range(1, ROUNDS + 1):
        outcome = soak.round(is_deadly=False, compares=number % 5 == 0)
        assert outcome.differences == ()
        assert outcome.lines == LOGS * LINES
        answers += outcome.answers
    assert answers >= ROUNDS, "somebody read while programs worked"

    for number in range(1, 4):
        outcome = soak.round(is_deadly=True, compares=number == 3)
        assert outcome.differences == ()
        kills += outcome.kills
    assert kills >= 2
