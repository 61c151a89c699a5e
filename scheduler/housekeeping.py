"""Retention as a job: a step at a time, with a pause after each, as long as its turn lasts."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from store.sessions import Database

PAUSE_S = 0.05
TURN_S = 20.0


class Stepping(Protocol):
    """Something that deletes a little at each step, until a pass is over."""

    def step(self) -> bool: ...


class RetentionTurn:
    """Call it again and again: a pass over everything goes on where the last turn left it."""

    def __init__(self, retention: Stepping, stopping: threading.Event) -> None:
        self._retention = retention
        self._stopping = stopping

    def __call__(self, _database: Database) -> None:
        until_s = time.monotonic() + TURN_S
        while time.monotonic() < until_s and self._retention.step():
            if self._stopping.wait(PAUSE_S):
                return
