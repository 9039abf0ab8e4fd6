"""Event loops for tests: Playwright keeps one running in the main thread, in which no other can run then."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(asked: Coroutine[Any, Any, Result]) -> Result:
    """Like `asyncio.run`, in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asked).result()
