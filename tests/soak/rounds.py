"""One round: logs arrive, people post and read, and programs work side by side or die; then everything is compared."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import httpx2 as httpx

from soak import books
from soak.doors import Questions, Visitors
from soak.oracle import ZONES, Oracle
from soak.programs import CATCHING_UP, Api, Ended
from soak.stores import CTX_SECRET, Store
from soak.traffic import HANDLES, Days, Log, Traffic, accounts, hosts

DAYS: Final = 25
LOGS: Final = 6  # a round
LINES: Final = 150  # a log
CROWD: Final = ("sync", CATCHING_UP, "compact", "compact", "deliver", "deliver")  # side by side
_SYNCS: Final = ("sync", CATCHING_UP)
_KILLED: Final = 0.65  # of the programs of a deadly round
_MOMENTS: Final = 8  # so many of the latest are asked about again

Seen = tuple[str, str, Any]  # handle, zone, answer by day


class Runner(Protocol):
    """Runs the product's programs by name (see programs.COMMANDS), several at once."""

    def start(self, name: str, *words: str, is_to_die: bool = False) -> Any: ...

    def finish(self, programs: Sequence[Any]) -> list[Ended]: ...

    def run(self, name: str, *words: str) -> Ended: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round did, and every way in which the product and the oracle differ after it."""

    programs: int
    kills: int
    lines: int
    answers: int  # while programs worked
    differences: tuple[str, ...]
    seconds: float


@dataclass
class Soak:
    """One store through its rounds. The seed decides logs, posts and choices; instants are the machine's."""

    store: Store
    runner: Runner
    api: Api
    seed: str
    logs: int = LOGS
    lines: int = LINES
    days: int = DAYS
    crowd: Sequence[str] = CROWD
    rounds: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.seed} rounds")
        self._days = Days(datetime.now(UTC).date() - timedelta(days=self.days), self.days)
        self._traffic = Traffic(f"{self.seed} traffic", self._days)
        self._oracle = Oracle(hosts())
        self._compared = self._oracle.copy()  # as it stood at the last comparison, and what happened since
        self._ended: list[Ended] = []
        self._seen: list[Seen] = []
        self._deliveries: list[tuple[str, str]] = []  # handle, place
        self._client = httpx.Client(base_url=self.api.base, timeout=60)
        self._visitors = Visitors(self._client, CTX_SECRET, random.Random(f"{self.seed} visitors"))
        self._moments: list[tuple[str, Oracle]] = []

    def begin(self, token: str) -> None:
        """Loads the accounts and starts the API. `token`: of a reviewer."""
        loaded = self.runner.run("accounts", self._accounts_file())
        if loaded.has_failed:
            raise SystemExit(f"The accounts could not be loaded: {loaded.errors}")
        self.api.start()
        self._questions = Questions(self._client, token)

    def round(self, *, is_deadly: bool, compares: bool = True) -> Outcome:
        """With `compares`, what is left undone is done afterwards and everything is compared."""
        began, lines = time.monotonic(), self._oracle.lines
        self.rounds += 1
        if self.rounds % 3 == 0:
            self._add_delivery()
        logs = list(self._traffic.round(self.logs, self.lines))
        sold = len(self._visitors.sales)
        ended, api_kills, seen = self._side_by_side(logs, is_deadly=is_deadly)
        for log in logs:
            self._oracle.read_log(log.kind, log.text)
        for sale in self._visitors.sales[sold:]:
            self._oracle.count_conversion(sale.handle, sale.clicked_at, sale.value, sale.currency)
        self._ended += ended
        self._seen += seen
        return Outcome(
            programs=len(ended),
            kills=sum(one.killed for one in ended) + api_kills,
            lines=self._oracle.lines - lines,
            answers=len(seen),
            differences=self._compare() if compares else (),
            seconds=time.monotonic() - began,
        )

    def end(self) -> None:
        self.api.kill()
        self._client.close()

    # --- while programs work ----------------------------------------------------------------------------------------

    def _side_by_side(self, logs: Sequence[Log], *, is_deadly: bool) -> tuple[list[Ended], int, list[Seen]]:
        chance = self._chance
        names = [name for name in self.crowd if name != "deliver" or self._deliveries]
        names += ["accounts"] * chance.randrange(2)
        chance.shuffle(names)
        dying = [is_deadly and chance.random() < _KILLED for _ in names]
        api_dies_after = chance.uniform(0.2, 3.0) if is_deadly and chance.random() < 0.25 else None
        pauses = [chance.uniform(0, 0.4) for _ in logs]
        over = threading.Event()
        with ThreadPoolExecutor(4) as threads:
            self._arrive(logs[:1], pauses)
            arriving = threads.submit(self._arrive, logs[1:], pauses[1:])
            posting = threads.submit(self._visitors.post, self._traffic, 12)
            watching = threads.submit(self._watch, over, random.Random(chance.random()))
            replacing = threads.submit(self._replace_api, api_dies_after)
            words = {"accounts": (self._accounts_file(),)}
            programs = [
                self.runner.start(name, *words.get(name, ()), is_to_die=is_to_die)
                for name, is_to_die in zip(names, dying, strict=True)
            ]
            ended = self.runner.finish(programs)
            arriving.result()
            posting.result()
            api_kills = replacing.result()
            over.set()
            return ended, api_kills, watching.result()

    def _arrive(self, logs: Sequence[Log], pauses: Sequence[float]) -> None:
        for log, pause in zip(logs, pauses, strict=False):
            time.sleep(pause)
            self.store.arrive(log)

    def _watch(self, over: threading.Event, chance: random.Random) -> list[Seen]:
        """Answers by day that were given meanwhile, in their order; a server that is away gives none."""
        seen: list[Seen] = []
        while not over.wait(0.4):
            handle, zone = chance.choice(HANDLES), chance.choice(tuple(ZONES))
            try:
                status, answer = self._questions.ask(handle, **self._days.asked(), groupBy="day", tz=zone)
            except httpx.TransportError:
                continue
            if status == 200:
                seen.append((handle, zone, answer))
            elif status != 503:
                self._visitors.wrong.append(f"{handle} by day, while programs worked: {status} {answer}")
        return seen

    def _replace_api(self, after: float | None) -> int:
        if after is None:
            return 0
        time.sleep(after)
        self.api.kill()
        self.api.start()
        return 1

    def _accounts_file(self) -> str:
        path = self.store.folder / "accounts.json"
        path.write_text(json.dumps(accounts(self.rounds)))
        return str(path)

    def _add_delivery(self) -> None:
        handle, place = HANDLES[self.rounds % len(HANDLES)], f"{self.store.reports}/{self.rounds}"
        query = ("--query", "groupBy=slug&tz=UTC", "--to", place)
        self._ended.append(self.runner.run("add delivery", "--handle", handle, *query))
        self._deliveries.append((handle, place))

    # --- afterwards -------------------------------------------------------------------------------------------------

    def _compare(self) -> tuple[str, ...]:
        self._ended.append(self.runner.run("sync"))
        if self._deliveries:
            self._ended.append(self.runner.run("deliver"))
        differences = tuple(self._differences())
        self._moments.append((datetime.now(UTC).isoformat(), self._oracle.copy()))
        self._compared = self._oracle.copy()
        for happened in (self._ended, self._seen, self._deliveries):
            happened.clear()
        return differences

    def _differences(self) -> Iterator[str]:
        before, oracle, visitors = self._compared, self._oracle, self._visitors
        for one in self._ended:
            if one.has_failed:
                yield f"{one.name} ended with {one.code}: {one.errors.strip()[-300:]}"
            elif "derived" in one.errors:  # a lake that mends itself had something to mend
                yield f"{one.name} said: {one.errors.strip()[-300:]}"
        yield from visitors.wrong
        yield from books.day_differences(self._questions, oracle, self._days)
        group_by = self._chance.choice(books.GROUPINGS)
        yield from books.total_differences(
            self._questions, oracle, self._days, group_by=group_by, signals=visitors.signals
        )
        if self._moments:
            moment, then = self._chance.choice(self._moments[-_MOMENTS:])
            yield from books.total_differences(
                self._questions, then, self._days, group_by=group_by, signals={}, as_of=moment
            )
        yield from books.ledger_differences(self.store.ledger(), oracle)
        syncs = [one for one in self._ended if one.name in _SYNCS]
        if not any(one.killed or one.has_failed for one in syncs):
            yield from books.printed_differences([one.json for one in syncs], before, oracle)
        for handle, place in self._deliveries:
            files = [file for file in self.store.delivered() if file.startswith(f"{place}/")]
            yield from books.delivery_differences(files, self.store.read, handle, before, oracle)
        yield from books.verify_differences(self.runner.run("verify").json)
        yield from books.bound_differences(self._seen, before, oracle)
