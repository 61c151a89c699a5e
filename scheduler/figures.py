"""What a scheduler tells about itself, in plain numbers: whoever serves /metrics gives them their form."""

from __future__ import annotations

import threading
from bisect import bisect_left

LATENESS_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Lateness:
    """A histogram of delays: how many were within each bound, their sum, and the worst since it was last asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = [0] * (len(LATENESS_BOUNDS_S) + 1)
        self._sum_s = 0.0
        self._worst_s = 0.0

    def observe(self, late_s: float) -> None:
        late_s = max(0.0, late_s)
        with self._lock:
            self._within[bisect_left(LATENESS_BOUNDS_S, late_s)] += 1
            self._sum_s += late_s
            self._worst_s = max(self._worst_s, late_s)

    def histogram(self) -> tuple[list[tuple[float, int]], float]:
        """Cumulative counts by upper bound in s, infinity last; and the sum in s."""
        with self._lock:
            total, cumulative = 0, []
            for bound, count in zip((*LATENESS_BOUNDS_S, float("inf")), self._within, strict=True):
                total += count
                cumulative.append((bound, total))
            return cumulative, self._sum_s

    def worst_s(self) -> float:
        """The longest delay since the last call."""
        with self._lock:
            worst, self._worst_s = self._worst_s, 0.0
            return worst


class Figures:
    """Written by the scheduler's threads, read by any."""

    def __init__(self) -> None:
        self.ticks = Lateness()
        """How late ticks began."""
        self.slots = Lateness()
        """How late the first slot of each tick's dispatches was when it was dispatched: 0 while all is well."""
        self.dispatched_slots = 0
        self.missed_slots = 0
        self.shards_held = 0
        self.checks = 0
        self.failures = 0
        self.checkpoint_ms: int | None = None
        """The oldest checkpoint of the shards it holds."""

    def plain(self) -> dict[str, float]:
        """Names and values for a program that shows them."""
        figures: dict[str, float] = {
            "tick_lateness_seconds": self.ticks.worst_s(),
            "slot_lateness_seconds": self.slots.worst_s(),
            "dispatched_slots_total": self.dispatched_slots,
            "missed_slots_total": self.missed_slots,
            "shards_held": self.shards_held,
            "checks": self.checks,
            "failures_total": self.failures,
        }
        return figures
