"""`python -m support.dying STEP PORT`: the API, which kills itself at one step of the first post that it gets.

A real process that really dies; only the moment is chosen.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import uvicorn
from sqlalchemy import Engine, event
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics_core.api import app

STEPS = (
    "before the insert",
    "after the insert",
    "after the count",
    "before the commit",
    "after the commit",
    "before the answer",
    "after the headers of the answer",
)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Witness:
    """Dies at one step of a transaction that inserts a conversion, or of its answer."""

    def __init__(self, inner: ASGIApp, step: str) -> None:
        self._inner = inner
        self._step = step
        self._has_inserted = False
        event.listen(Engine, "before_cursor_execute", self._before_statement)
        event.listen(Engine, "after_cursor_execute", self._after_statement)
        event.listen(Engine, "commit", lambda _: self._reached("before the commit"))

    def _reached(self, step: str) -> None:
        if step == self._step and self._has_inserted:
            die()

    def _before_statement(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO conversions "):
            self._has_inserted = True
            self._reached("before the insert")

    def _after_statement(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO conversions "):
            self._reached("after the insert")
        if statement.startswith("INSERT INTO conversion_outcomes "):
            self._reached("after the count")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._reached("before the answer")
            await send(message)
            if message["type"] == "http.response.start":
                self._reached("after the headers of the answer")

        await self._inner(scope, receive, send_on)


def main(step: str, port: str) -> None:
    witness = Witness(app, step)
    if step == "after the commit":
        from analytics_core.store import group_commit  # noqa: PLC0415  (only this step reaches into it)

        attempt = group_commit.GroupCommit._attempt  # pyright: ignore[reportPrivateUsage]

        def and_die(*arguments: Any) -> Any:
            done = attempt(*arguments)
            witness._reached("after the commit")  # pyright: ignore[reportPrivateUsage]
            return done

        group_commit.GroupCommit._attempt = and_die  # type: ignore[method-assign]
    uvicorn.run(witness, port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
