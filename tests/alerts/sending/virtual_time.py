"""An event loop whose time is the test's: it passes only while everybody waits, and then at once.

Threads (the sender's transactions) take no time. Real sockets don't belong here: waiting for one would skip the time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from tests.conftest import Clock


class VirtualLoop(asyncio.SelectorEventLoop):
    """`clock` is moved along: the database's time and the loop's are one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_ms = clock.now_ms
        self._now_s = 0.0  # not the clock's own seconds: floats that large can't tell microseconds apart
        self._in_threads = 0
        super().__init__(_Selector(self._wait))

    def time(self) -> float:
        return self._now_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self._in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._back)
        return future

    def _back(self, _future: Any) -> None:
        self._in_threads -= 1

    def _wait(self, timeout: float | None) -> float | None:
        """How long to really wait where nothing is to do before `timeout` seconds of the loop's time."""
        if self._in_threads or timeout is None or timeout <= 0:
            return None if self._in_threads else timeout
        self._now_s += timeout
        self._clock.now_ms = self._began_ms + round(self._now_s * 1000)
        return 0


class _Selector(selectors.DefaultSelector):
    def __init__(self, wait: Callable[[float | None], float | None]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout if timeout == 0 else self._wait(timeout))
