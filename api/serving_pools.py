"""Threads for what blocks, in pools of their own, each with a bounded queue: who finds it full hears so at once (503).

Flask's threads can be as slow as people's requests make them; probes' and pings' work has threads that nobody else
uses, so a slow report never delays a lease.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SaturatedError(Exception):
    """All threads are busy and the queue is full."""


class Pool:
    """Used from one event loop. `waiting`: how many calls may queue beside those that run."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._inside = 0

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The function's result, from a thread. SaturatedError at once when the queue is full.

        A caller that is cancelled leaves the thread at work: its place is free when it has finished.
        """
        if self._inside >= self._most:
            raise SaturatedError
        self._inside += 1
        # The context carries what the request's log lines are marked with.
        future = self._executor.submit(contextvars.copy_context().run, partial(function, *args, **kwargs))
        try:
            return await asyncio.wrap_future(future)
        finally:
            if future.done():
                self._inside -= 1
            else:
                self._leave_later(future, asyncio.get_running_loop())

    def _leave_later(self, future: Future[_T], loop: asyncio.AbstractEventLoop) -> None:
        def leave() -> None:
            self._inside -= 1

        def tell(_done: Future[_T]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(leave)

        future.add_done_callback(tell)

    def close(self) -> None:
        """What runs may finish; what waits is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)
