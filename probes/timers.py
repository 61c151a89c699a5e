"""When a run is due on this machine's monotonic clock, and whether this process was awake to keep to it.

Clocks of two hosts are never compared: the API says in how many ms a run is due, and half the round trip of the answer
has already passed when it arrives (R7). A process that stood still (SIGSTOP, a frozen VM, a starved CPU) measured its
own sleep, not the target: the pulse tells how long it was away.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

from probes.held import HeldRun

PULSE_S = 0.1
STANDSTILL_S = 1.0
"""An attempt during which this process was away for longer says nothing about its target."""
CROWDED_GRID_MS = 4
CROWDED_SLOTS = 50
_ROUND_TRIPS_KEPT = 16
_STANDSTILLS_KEPT = 64


class RoundTrip:
    """The shortest of the latest round trips to the API: longer ones were waiting, not travelling. `half_s` is what of
    it had passed when an answer arrived."""

    def __init__(self) -> None:
        self._latest_s: deque[float] = deque(maxlen=_ROUND_TRIPS_KEPT)
        self.half_s = 0.0

    def learn(self, elapsed_s: float, held_ms: float) -> None:
        """An exchange took `elapsed_s`, of which the API let it wait `held_ms`."""
        self._latest_s.append(max(0.0, elapsed_s - held_ms / 1000))
        self.half_s = min(self._latest_s) / 2


class Agenda:
    """Calls `on_due(run)` for each run at its due time, to the ms; under load up to CROWDED_GRID_MS after, so that
    runs due close together begin together: at a thousand a second that saves three wake-ups of four. What is gone by
    then is passed over."""

    def __init__(self, on_due: Callable[[HeldRun], None]) -> None:
        self._on_due = on_due
        self._slots: dict[int, list[HeldRun]] = {}
        self._loop = asyncio.get_running_loop()
        offset = self._loop.time() - time.monotonic()
        # uvloop counts the same clock in whole ms; only another clock's base needs translating.
        self._offset = offset if abs(offset) > 0.01 else 0.0

    def add(self, run: HeldRun) -> None:
        slot = math.ceil(run.due_at * 1000)
        if len(self._slots) > CROWDED_SLOTS:
            slot += -slot % CROWDED_GRID_MS
        waiting = self._slots.get(slot)
        if waiting is not None:
            waiting.append(run)
            return
        self._slots[slot] = [run]
        self._loop.call_at(slot / 1000 + self._offset, self._come, slot)

    def _come(self, slot: int) -> None:
        for run in self._slots.pop(slot):
            if not run.gone:
                self._on_due(run)


class Pulse:
    """Ticks every PULSE_S and calls `on_tick(now)`; the time between two ticks beyond that is a standstill."""

    def __init__(self, on_tick: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_tick = on_tick
        self._clock = clock
        self._last = clock()
        self._standstills: deque[tuple[float, float]] = deque(maxlen=_STANDSTILLS_KEPT)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._last = self._clock()
        self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def away_s(self, now: float) -> float:
        """How long the process stood still until `now`, if nothing has ticked since it woke. Whoever runs first after
        a standstill asks this, so that nothing acts on a stale picture."""
        return self.note(now) if now - self._last > STANDSTILL_S else 0.0

    def note(self, now: float) -> float:
        """Record the standstill that ends now, if there was one; returns its length in seconds, else 0."""
        gap = now - self._last - PULSE_S
        self._last = now
        if gap < STANDSTILL_S:
            return 0.0
        self._standstills.append((now, gap))
        return gap

    def away_since(self, start: float) -> float:
        """The longest standstill, in seconds, that overlaps the time from `start` to now."""
        self.away_s(self._clock())
        if not self._standstills or self._standstills[-1][0] <= start:
            return 0.0
        return max((min(gap, end - start) for end, gap in self._standstills if end > start), default=0.0)

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PULSE_S, self._tick)

    def _tick(self) -> None:
        self._arm()
        self._on_tick(self._clock())
