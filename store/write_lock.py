"""One writer at a time on SQLite, fairly: dispatch and results first, people next, housekeeping last (DESIGN §6).

SQLite has one writer whatever we do; deciding the order ourselves means nobody ever meets "database is locked".
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Urgency(IntEnum):
    RESULTS = 0
    PEOPLE = 1
    HOUSEKEEPING = 2


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
    def hold(self, urgency: Urgency) -> Iterator[None]:
        ticket = object()
        with self._condition:
            queue = self._queues[urgency]
            queue.append(ticket)
            while self._held or self._next() is not ticket:
                self._condition.wait()
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
