"""When a group's events become too many: a fold over the times at which they arrived. No I/O, no clock in this file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence


def firings(
    earlier: Sequence[int],
    arrived: Sequence[int],
    *,
    threshold: int,
    window_ms: int,
    cooldown_ms: int,
    quiet_until_ms: int = 0,
    may: Callable[[int], bool] = lambda _at_ms: True,
) -> list[int]:
    """The places in `arrived` at which a rule holds that is not quiet then. All times are in order; `earlier`: of the
    events before, as far as the window of the first reaches, the last `threshold` - 1 of them at least. `may`: whether
    it may fire at that time. After it has fired it is quiet for its cooldown.

    Folded in one go or in pieces, each with the rest before it as `earlier`, it comes to the same.
    """
    found = []
    recent = deque(earlier, maxlen=threshold)
    for place, at_ms in enumerate(arrived):
        recent.append(at_ms)
        if at_ms < quiet_until_ms or len(recent) < threshold or at_ms - recent[0] >= window_ms:
            continue
        if may(at_ms):
            found.append(place)
            quiet_until_ms = at_ms + cooldown_ms
    return found
