"""How many checks may be in flight, in all and against one target; the rest wait their turn, in order.

The limit in all keeps this process on time; the one per target keeps Tracer from becoming the load it watches for.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from functools import lru_cache

from probes.held import HeldRun

IN_FLIGHT = 1_000
IN_FLIGHT_PER_TARGET = 100
"""Against one host at a time. Loopback is this machine itself and has no such limit."""


class Admission:
    """Not thread-safe. A run enters with each attempt and leaves at its end; `run.target` must be set, and stay."""

    def __init__(self, in_flight: int = IN_FLIGHT, per_target: int = IN_FLIGHT_PER_TARGET) -> None:
        self.in_flight = 0
        self._limit = in_flight
        self._per_target_limit = per_target
        self._per_target: dict[str, int] = {}
        self._for_a_slot: deque[HeldRun] = deque()
        self._for_a_target: dict[str, deque[HeldRun]] = {}

    @property
    def exhausted(self) -> bool:
        """Whether the limit in all is reached, so that taking more work would only make it late."""
        return self.in_flight >= self._limit

    def enter(self, run: HeldRun) -> bool:
        """Whether the run may start now; if not, it is queued and a `leave` will name it."""
        target = run.target
        here = self._per_target.get(target, 0)
        if here >= self._per_target_limit and not is_loopback(target):
            self._for_a_target.setdefault(target, deque()).append(run)
            return False
        if self.in_flight >= self._limit:
            self._for_a_slot.append(run)
            return False
        self.in_flight += 1
        self._per_target[target] = here + 1
        return True

    def leave(self, run: HeldRun) -> HeldRun | None:
        """The run's attempt has ended. Returns the waiting run that has entered in its place, if any."""
        self.in_flight -= 1
        self._uncount(run.target)
        if not (self._for_a_slot or self._for_a_target):
            return None
        for_target = self._for_a_target.get(run.target)
        if for_target:
            successor = _next(for_target)
            if not for_target:
                del self._for_a_target[run.target]
            if successor is not None:
                self._count(successor.target)
                return successor
        while (successor := _next(self._for_a_slot)) is not None:
            if not self._full(successor.target):
                self._count(successor.target)
                return successor
            self._for_a_target.setdefault(successor.target, deque()).append(successor)
        return None

    def _full(self, target: str) -> bool:
        return self._per_target.get(target, 0) >= self._per_target_limit and not is_loopback(target)

    def _count(self, target: str) -> None:
        self.in_flight += 1
        self._per_target[target] = self._per_target.get(target, 0) + 1

    def _uncount(self, target: str) -> None:
        left = self._per_target[target] - 1
        if left:
            self._per_target[target] = left
        else:
            del self._per_target[target]


def _next(waiting: deque[HeldRun]) -> HeldRun | None:
    """The first that is still to be done; those given back or cancelled meanwhile are passed over."""
    while waiting:
        run = waiting.popleft()
        if not run.gone:
            return run
    return None


@lru_cache(maxsize=4_096)
def is_loopback(target: str) -> bool:
    """Whether a host, as written in a definition, is this machine's loopback."""
    if target == "localhost" or target.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(target.strip("[]")).is_loopback
    except ValueError:
        return False
