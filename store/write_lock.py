"""One writer at a time on SQLite, fairly: dispatch and results first, people next, housekeeping last (DESIGN §6).

SQLite has one writer whatever we do; deciding the order ourselves means that only another process can make one of ours
meet "database is locked".
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from sqlalchemy.exc import TimeoutError as StoreTimeoutError


class Urgency(IntEnum):
    RESULTS = 0
    PEOPLE = 1
    HOUSEKEEPING = 2


class WriterBusyError(StoreTimeoutError):
    """The writer's turn did not come in time. To all who are ready for a store that is away, this is one."""


_TURNS_BEFORE_THE_NEXT_CLASS = 8
"""A waiting class is served at least once in so many turns of the classes before it: first, but never alone."""


class WriteLock:
    """Not reentrant. First come, first served within a class."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())
        self._queues: tuple[deque[object], ...] = tuple(deque() for _ in Urgency)
        self._passed_over = [0] * len(Urgency)
        self._held = False

    @contextmanager
    def hold(self, urgency: Urgency, patience_s: float | None = None) -> Iterator[None]:
        """Wait for the turn, then have it for the block. WriterBusyError when it has not come after `patience_s`."""
        ticket = object()
        with self._condition:
            queue = self._queues[urgency]
            queue.append(ticket)
            if not self._condition.wait_for(lambda: not self._held and self._next() is ticket, patience_s):
                queue.remove(ticket)
                self._condition.notify_all()  # it may have been what the next one waited for
                raise WriterBusyError(f"others have held the database's lock for {patience_s:g} s")
            queue.popleft()
            self._passed_over[urgency] = 0
            for lower in range(urgency + 1, len(Urgency)):
                if self._queues[lower]:
                    self._passed_over[lower] += 1
            self._held = True
        try:
            yield
        finally:
            with self._condition:
                self._held = False
                self._condition.notify_all()

    def _next(self) -> object | None:
        for urgency in reversed(Urgency):
            if self._queues[urgency] and self._passed_over[urgency] >= _TURNS_BEFORE_THE_NEXT_CLASS:
                return self._queues[urgency][0]
        return next((queue[0] for queue in self._queues if queue), None)
