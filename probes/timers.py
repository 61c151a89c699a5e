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
BEAT_S = 0.025
"""Whatever may wait a little happens on multiples of this, all together. At a hundred checks a second most of a check's
cost is waking up: forty times a second is a third of the wake-ups that each timer by itself would make."""
CROWDED_RUNS = 20
_ROUND_TRIPS_KEPT = 16
_STANDSTILLS_KEPT = 64


def beat_after(at_s: float) -> float:
    """The first beat at or after this instant of the loop's clock."""
    return math.ceil(round(at_s / BEAT_S, 3)) * BEAT_S


def beat_before(at_s: float) -> float:
    """The last beat at or before it."""
    return math.floor(round(at_s / BEAT_S, 3)) * BEAT_S


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
    """Calls `on_due(run)` for each run at its due time, to the ms; when many wait, for those of the schedule on the
    next beat, BEAT_S after at most. Runs that begin together do so one by one, with the loop's other work in between:
    a start that held up another check's answer would be measured as the target's time. What is gone by then is passed
    over."""

    def __init__(self, on_due: Callable[[HeldRun], None]) -> None:
        self._on_due = on_due
        self._slots: dict[int, deque[HeldRun]] = {}
        self._waiting = 0
        self._loop = asyncio.get_running_loop()
        offset = self._loop.time() - time.monotonic()
        # uvloop counts the same clock in whole ms; only another clock's base needs translating.
        self._offset = offset if abs(offset) > 0.01 else 0.0

    def add(self, run: HeldRun) -> None:
        due_at = run.due_at + self._offset
        if self._waiting >= CROWDED_RUNS and run.trigger == "schedule":
            due_at = beat_after(due_at)
        slot = math.ceil(round(due_at * 1000, 3))
        self._waiting += 1
        waiting = self._slots.get(slot)
        if waiting is not None:
            waiting.append(run)
            return
        self._slots[slot] = deque((run,))
        self._loop.call_at(slot / 1000, self._come, slot)

    def _come(self, slot: int) -> None:
        runs = self._slots[slot]
        run = runs.popleft()
        self._waiting -= 1
        if runs:
            self._loop.call_soon(self._come, slot)
        else:
            del self._slots[slot]
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
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(beat_after(loop.time() + PULSE_S - BEAT_S / 2), self._tick)

    def _tick(self) -> None:
        self._arm()
        self._on_tick(self._clock())
