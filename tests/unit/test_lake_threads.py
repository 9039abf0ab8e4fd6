"""Threads on which routes wait for the lake: never more than said, whoever has left meanwhile."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support import loops

from analytics_core.api.lake_threads import LakeThreads
from analytics_core.errors import StoreUnavailableError

PATIENCE = 10.0


class Lake:
    """Answers when it is let, and knows who waits."""

    def __init__(self) -> None:
        self.is_let = threading.Event()
        self.asked = threading.Semaphore(0)
        self.waiting = 0

    def answer(self) -> str:
        self.waiting += 1
        self.asked.release()
        self.is_let.wait(PATIENCE)
        self.waiting -= 1
        return threading.current_thread().name


def test_a_call_that_nobody_waits_for_any_more_keeps_its_thread() -> None:
    lake, threads = Lake(), LakeThreads("few", count=2, most_waiting=10)

    async def ask() -> str:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(threads.run(lake.answer), 0.05)
        assert lake.waiting == 2
        lake.is_let.set()
        return await threads.run(lake.answer)

    assert loops.run(ask()).startswith("few")


def test_what_waits_is_bounded_and_has_room_again_when_it_was_dropped() -> None:
    lake, threads = Lake(), LakeThreads("few", count=1, most_waiting=1)

    async def ask() -> list[str]:
        running = asyncio.create_task(threads.run(lake.answer))
        await asyncio.to_thread(lake.asked.acquire)
        waiting = asyncio.create_task(threads.run(lake.answer))
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailableError, match="too many wait for it"):
            await threads.run(lake.answer)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        next_one = asyncio.create_task(threads.run(lake.answer))
        lake.is_let.set()
        return [await running, await next_one]

    assert len(loops.run(ask())) == 2


def test_what_a_call_raises_comes_out() -> None:
    def fails() -> None:
        raise StoreUnavailableError("The lake does not answer.")

    with pytest.raises(StoreUnavailableError, match="does not answer"):
        loops.run(LakeThreads("few", count=1, most_waiting=0).run(fails))
