"""A clock that never runs backwards, whatever is done to the one it follows. Pure but for the two clocks it is given.

Everything due is judged by the database's clock (R11). If that is set back, slots would come due twice and leases
live on; if this process then simply waited, nothing would run. So time goes on from where it was, a tenth slower,
until the clock behind it has caught up. `now >= last + 0.9 x elapsed`, on SQLite and PostgreSQL alike: all processes
were at the same time when the clock was set back, so they stay together.
A clock set back by more than an hour was wrong before: then it is believed at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

WRONG_BEFORE_MS = 3_600_000
_PACE = 0.9
"""How fast time passes while the clock behind is catching up: below 1, else it would never be caught up with."""
_log = structlog.get_logger(__name__)


class SteadyClock:
    """Threads may share it."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._last_ms: float | None = None
        self._last_s = 0.0
        self._behind = False

    def follow(self, clock_ms: int) -> int:
        """The time, where the clock that is followed shows `clock_ms`."""
        with self._lock:
            at_s = self._monotonic_s()
            last_ms, self._last_ms = self._last_ms, float(clock_ms)
            elapsed_s, self._last_s = at_s - self._last_s, at_s
            if last_ms is not None:
                floor_ms = last_ms + elapsed_s * 1000 * _PACE
                if clock_ms < floor_ms <= clock_ms + WRONG_BEFORE_MS:
                    self._last_ms = floor_ms
                self._tell(floor_ms - clock_ms)
            return int(self._last_ms)

    def _tell(self, behind_ms: float) -> None:
        behind = behind_ms > 1_000
        if behind and not self._behind:
            _log.warning("clock.set_back", by_ms=round(behind_ms), believed=behind_ms > WRONG_BEFORE_MS)
        self._behind = behind and behind_ms <= WRONG_BEFORE_MS
