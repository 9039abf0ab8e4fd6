"""What time it is, for all processes of a deployment alike: the database's time, where it has a clock of its own.

Machines disagree, and what one says decides on which day a conversion counts and what an answer as of a moment holds.
PostgreSQL's server is the same for all of them; a SQLite file belongs to one machine, which has one clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import text

from analytics_core.errors import StoreUnavailableError
from analytics_core.store.database import Database

Clock = Callable[[], datetime]

log = structlog.get_logger()

_ASK_EVERY: Final = timedelta(minutes=1)
_TOLERATED: Final = timedelta(seconds=10)  # of difference, before anybody is told


def machine_time() -> datetime:
    return datetime.now(UTC)


def clock_of(database: Database) -> Clock:
    """The clock that counts for whoever shares the database. Raises StoreUnavailableError."""
    return ServerClock(database) if database.engine.dialect.name == "postgresql" else machine_time


class ServerClock:
    """The time of a database server. A call never waits: it goes on from what the server said last, by a clock that
    nobody sets, and has the server asked again in a thread when that is a minute ago. Safe to share between threads.

    A machine whose own clock differs by more than ten seconds is told in the log.
    """

    def __init__(self, database: Database) -> None:
        """Raises StoreUnavailableError."""
        self._database = database
        self._is_asking = threading.Lock()
        self._said = self._ask()

    def __call__(self) -> datetime:
        said, at = self._said
        passed = timedelta(seconds=_running() - at)
        if passed > _ASK_EVERY and self._is_asking.acquire(blocking=False):
            threading.Thread(target=self._ask_again, daemon=True).start()
        return said + passed

    def _ask(self) -> tuple[datetime, float]:
        """The server's time, and when on this machine it was so: halfway between question and answer."""
        with self._database.connect() as connection:
            asked = _running()
            said: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            answered = _running()
        ahead = machine_time() - said
        if abs(ahead) > _TOLERATED:
            log.warning("clock_differs", seconds_ahead=round(ahead.total_seconds()), counts="the database's")
        return said.astimezone(UTC), (asked + answered) / 2

    def _ask_again(self) -> None:
        try:
            self._said = self._ask()
        except StoreUnavailableError:  # whoever needs the database is told; the next call asks again
            pass
        finally:
            self._is_asking.release()


def _running() -> float:
    """Seconds that go on while the machine sleeps, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
