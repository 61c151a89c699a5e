"""When a run is due on this machine's monotonic clock, and whether this process was awake to keep to it.

Clocks of two hosts are never compared: the API says in how many ms a run is due, and half the round trip of the answer
has already passed when it arrives (R7). A process that stood still (SIGSTOP, a frozen VM, a starved CPU) measured its
own sleep, not the target: the pulse tells how long it was away.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

PULSE_S = 0.1
STANDSTILL_S = 1.0
"""An attempt during which this process was away for longer says nothing about its target."""
_ROUND_TRIPS_KEPT = 16
_STANDSTILLS_KEPT = 64


class RoundTrip:
    """The shortest of the latest round trips to the API: longer ones were waiting, not travelling."""

    def __init__(self) -> None:
        self._latest_s: deque[float] = deque(maxlen=_ROUND_TRIPS_KEPT)

    def learn(self, elapsed_s: float, held_ms: float) -> None:
        """An exchange took `elapsed_s`, of which the API let it wait `held_ms`."""
        self._latest_s.append(max(0.0, elapsed_s - held_ms / 1000))

    def due_at(self, received_at: float, due_in_ms: float) -> float:
        """The due time, on the clock `received_at` was read from (seconds)."""
        half_s = min(self._latest_s, default=0.0) / 2
        return received_at + due_in_ms / 1000 - half_s


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

    def away_s(self) -> float:
        """How long the process stood still until this moment, if nothing has ticked since it woke."""
        return self.note(self._clock())

    def note(self, now: float) -> float:
        """Record the standstill that ends now, if there was one; returns its length in seconds, else 0. Whoever is
        first to run after a standstill calls this, so that nothing acts on a stale picture."""
        gap = now - self._last - PULSE_S
        self._last = now
        if gap < STANDSTILL_S:
            return 0.0
        self._standstills.append((now, gap))
        return gap

    def away_since(self, start: float) -> float:
        """The longest standstill, in seconds, that overlaps the time from `start` to now."""
        self.note(self._clock())
        return max((min(gap, end - start) for end, gap in self._standstills if end > start), default=0.0)

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PULSE_S, self._tick)

    def _tick(self) -> None:
        self._arm()
        self._on_tick(self._clock())
