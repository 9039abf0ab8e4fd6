"""What is handed to the writer ends once and for each who waits, whatever becomes of loops, tasks and the thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import OperationalError
from support.loops import run
from support.world import World

from analytics_core.errors import StoreUnavailableError
from analytics_core.store import tables
from analytics_core.store.group_commit import GroupCommit

SECONDS = 10
Write = Callable[[Connection, Sequence[Any]], Sequence[Any]]


@pytest.fixture
def writer(world: World) -> Iterator[GroupCommit]:
    made = GroupCommit(world.database)
    yield made
    made.close()


@pytest.fixture
def blocked(writer: GroupCommit) -> Iterator[threading.Event]:
    """The writer waits until the event is set: what is handed in meanwhile waits together."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Connection, items: Sequence[Any]) -> Sequence[Any]:
        begun.set()
        assert go_on.wait(SECONDS)
        return items

    async def leave() -> None:
        writer.submit(wait, "first")

    run(leave())  # its loop is closed when the writer has an answer for it
    assert begun.wait(SECONDS)
    yield go_on
    go_on.set()


def keep(connection: Connection, items: Sequence[str]) -> Sequence[str]:
    connection.execute(insert(tables.handles), [row(item) for item in items])
    return [f"{item} is kept" for item in items]


def row(handle: str) -> dict[str, Any]:
    return {"handle": handle, "plan": "FREE", "plan_since": World.now, "timezone": "UTC"}


def kept(world: World) -> set[str]:
    with world.database.connect() as connection:
        return set(connection.execute(select(tables.handles.c.handle)).scalars()) - {"acme", "zed"}


async def ask(writer: GroupCommit, write: Write, *items: str) -> list[Any]:
    waiting = [writer.submit(write, item) for item in items]
    async with asyncio.timeout(SECONDS):
        return await asyncio.gather(*waiting, return_exceptions=True)


def test_loops_of_several_threads_get_what_is_theirs(writer: GroupCommit, world: World) -> None:
    told: dict[int, list[Any]] = {}

    def visit(number: int) -> None:
        told[number] = run(ask(writer, keep, *(f"h{number}-{item}" for item in range(20))))

    threads = [threading.Thread(target=visit, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told == {number: [f"h{number}-{item} is kept" for item in range(20)] for number in range(5)}
    assert len(kept(world)) == 100


def test_a_loop_that_has_ended_keeps_no_answer_from_another(
    writer: GroupCommit, world: World, blocked: threading.Event
) -> None:
    async def leave() -> None:
        writer.submit(keep, "left")

    run(leave())
    blocked.set()

    assert run(ask(writer, keep, "stayed")) == ["stayed is kept"]
    assert "stayed" in kept(world)


def test_who_gives_up_keeps_no_answer_from_another(writer: GroupCommit, world: World, blocked: threading.Event) -> None:
    async def give_up() -> str:
        gone, waits = writer.submit(keep, "gone"), writer.submit(keep, "waits")
        gone.cancel()
        blocked.set()
        async with asyncio.timeout(SECONDS):
            return await waits

    assert run(give_up()) == "waits is kept"
    assert kept(world) == {"waits"}


def test_what_the_database_refuses_takes_nothing_with_it(
    writer: GroupCommit, world: World, blocked: threading.Event
) -> None:
    async def post() -> list[Any]:
        waiting = asyncio.create_task(ask(writer, keep, "one", "acme", "two"))
        await asyncio.sleep(0)
        blocked.set()
        return await waiting

    one, acme, two = run(post())

    assert (one, two) == ("one is kept", "two is kept")
    assert isinstance(acme, Exception)
    assert kept(world) == {"one", "two"}


def test_each_who_waits_gets_an_error_of_its_own(writer: GroupCommit, blocked: threading.Event) -> None:
    """One that all of them raise would tell each of what another was doing."""

    def fail(*_: Any) -> Sequence[Any]:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))

    async def one(number: int) -> StoreUnavailableError:
        try:
            try:
                int(f"no. {number}")
            except ValueError:
                await writer.submit(fail, number)
        except StoreUnavailableError as error:
            return error
        raise AssertionError

    async def post() -> list[StoreUnavailableError]:
        tasks = [asyncio.create_task(one(number)) for number in range(3)]
        await asyncio.sleep(0)
        blocked.set()
        async with asyncio.timeout(SECONDS):
            return await asyncio.gather(*tasks)

    told = run(post())

    assert [str(error.__context__)[-7:] for error in told] == ["'no. 0'", "'no. 1'", "'no. 2'"]
    assert all("the disk is full" in repr(error.__cause__) for error in told)


def test_close_writes_what_waits_and_the_next_item_starts_anew(
    writer: GroupCommit, world: World, blocked: threading.Event
) -> None:
    async def stop() -> list[Any]:
        waiting = [writer.submit(keep, f"h{number}") for number in range(3)]
        blocked.set()
        writer.close()
        assert kept(world) == {"h0", "h1", "h2"}
        return await asyncio.gather(*waiting)

    assert run(stop()) == ["h0 is kept", "h1 is kept", "h2 is kept"]
    assert run(ask(writer, keep, "later")) == ["later is kept"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_replaced(writer: GroupCommit) -> None:
    def die(*_: Any) -> Sequence[Any]:
        raise SystemExit

    async def post() -> list[Any]:
        writer.submit(die, "last")
        for _ in range(100 * SECONDS):
            if not any(one.name == "clickledger-writer" and one.is_alive() for one in threading.enumerate()):
                break
            await asyncio.sleep(0.01)
        return await ask(writer, keep, "next")

    assert run(post()) == ["next is kept"]
