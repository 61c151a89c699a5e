"""What is known of the way to one channel while something is due for it."""

from __future__ import annotations

import asyncio
import time

from alerts.channels.base import Channel

_BURST_S = 1.0
"""How far a pace may fall behind and catch up: a slow second is no reason to send less in the next."""
_MOST_AT_ONCE = 32


class Lane:
    """`task` serves the channel now. `not_before_s`: the receiver, or the pace of digests, asked for a pause; by the
    monotonic clock. `concurrency`: how many messages may be on their way at once."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.not_before_s = 0.0
        self.concurrency = 1
        self._every_s = 1.0
        self._next_s = 0.0
        self._changed_ms: int | None = None

    def begin_anew_if_changed(self, changed_ms: int) -> None:
        """A channel that somebody has set right is not held back by what its receiver asked for before."""
        if changed_ms != self._changed_ms and self._changed_ms is not None:
            self.not_before_s = 0.0
        self._changed_ms = changed_ms

    def learn(self, channel: Channel) -> None:
        """How fast and how many at once, as its type allows."""
        self._every_s = 1 / channel.per_second
        self.concurrency = 1 if channel.in_digests else _MOST_AT_ONCE

    def pause(self, seconds: float) -> None:
        """Send nothing before that."""
        self.not_before_s = max(self.not_before_s, time.monotonic() + seconds)

    def pausing(self) -> bool:
        return self.not_before_s > time.monotonic()

    async def pace(self) -> None:
        """Returns when the next message may go."""
        now_s = time.monotonic()
        burst_s = _BURST_S if self.concurrency > 1 else 0.0
        begins_s = max(self._next_s, now_s - burst_s)
        self._next_s = begins_s + self._every_s
        if begins_s > now_s:
            await asyncio.sleep(begins_s - now_s)
