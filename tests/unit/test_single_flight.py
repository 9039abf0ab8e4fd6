"""One look for all who ask at once, and none that began before they asked."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from analytics_core.store import single_flight
from analytics_core.store.single_flight import SingleFlight


class Store:
    """Answers when it may, with how often it was asked."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = threading.Semaphore(0)
        self.looks = 0
        self.is_broken = False

    def look(self) -> int:
        self.looks += 1
        self.asked.release()
        self.answers.wait(30)
        if self.is_broken:
            raise OSError("away")
        return self.looks


def asked_while_looking(store: Store, pool: ThreadPoolExecutor) -> list[Future[int]]:
    """What one gets who asks first, and nineteen who ask while it is looked for that one."""
    look = SingleFlight(store.look)
    first = pool.submit(look)
    assert store.asked.acquire(timeout=30)
    others = [pool.submit(look) for _ in range(19)]
    time.sleep(0.2)  # so that they wait
    return [first, *others]


def test_who_asks_while_a_look_is_under_way_gets_what_the_next_one_finds() -> None:
    store = Store()
    with ThreadPoolExecutor(20) as pool:
        waiting = asked_while_looking(store, pool)
        store.answers.set()
        found = [one.result(30) for one in waiting]

    assert found[0] == 1
    assert min(found[1:]) == 2


def test_a_failure_that_took_long_is_told_to_all_who_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_flight, "_SLOW_SECONDS", 0)
    monkeypatch.setattr(single_flight, "_KEPT_SECONDS", 30)
    store = Store()
    store.is_broken = True
    with ThreadPoolExecutor(20) as pool:
        waiting = asked_while_looking(store, pool)
        store.answers.set()
        failures = [one.exception(30) for one in waiting]

    assert store.looks == 1
    assert {str(failure) for failure in failures} == {"away"}


def test_a_failure_that_came_at_once_is_forgotten_at_once() -> None:
    store = Store()
    store.answers.set()
    store.is_broken = True
    look = SingleFlight(store.look)
    with pytest.raises(OSError, match="away"):
        look()
    store.is_broken = False

    assert look() == 2
