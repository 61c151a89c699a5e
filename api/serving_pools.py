"""Threads for what blocks, in pools of their own, each with a bounded queue: who finds it full hears so at once (503).

Who waits in it for too long hears the same. Flask's threads can be as slow as people's requests make them; probes' and
pings' work has threads that nobody else uses, so a slow report never delays a lease.
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
    """All threads are busy, and the queue is full or the wait in it was too long."""


class Pool:
    """Used from one event loop. `waiting`: how many calls may queue beside those that run; `patience_s`: how long."""

    def __init__(self, name: str, threads: int, waiting: int, patience_s: float | None = None) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._inside = 0
        self._patience_s = patience_s

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The function's result, from a thread. SaturatedError at once when the queue is full, or when no thread has
        become free in time.

        A caller that is cancelled leaves the thread at work: its place is free when it has finished.
        """
        if self._inside >= self._most:
            raise SaturatedError
        self._inside += 1
        # The context carries what the request's log lines are marked with.
        future = self._executor.submit(contextvars.copy_context().run, partial(function, *args, **kwargs))
        loop = asyncio.get_running_loop()
        # Cancelling what has begun does nothing, so this only bites while it waits.
        giving_up = None if self._patience_s is None else loop.call_later(self._patience_s, future.cancel)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            raise SaturatedError from None
        finally:
            if giving_up is not None:
                giving_up.cancel()
            if future.done():
                self._inside -= 1
            else:
                self._leave_later(future, loop)

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
