"""What is known of the way to one channel while something is due for it."""

from __future__ import annotations

import asyncio
import time

from alerts.channels.base import Channel

_BURST_S = 1.0
"""How far a pace may fall behind and catch up: a slow second is no reason to send less in the next."""
_MOST_AT_ONCE = 32
_MOST_HELD = 128
"""Claimed and not recorded yet, for programs: enough to keep the pace while the store has other things to write."""


class Lane:
    """`task` serves the channel now. `not_before_s`: the receiver, or the pace of digests, asked for a pause; by the
    monotonic clock. `places`: one for each message that may be on its way at once. `most_held`: how many notifications
    may be claimed and not recorded yet."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.not_before_s = 0.0
        self.places = asyncio.Semaphore(_MOST_AT_ONCE)
        self.most_held = 1
        self._every_s = 1.0
        self._next_s = 0.0
        self._changed_ms: int | None = None

    def begin_anew_if_changed(self, changed_ms: int) -> None:
        """A channel that somebody has set right is not held back by what its receiver asked for before."""
        if changed_ms != self._changed_ms and self._changed_ms is not None:
            self.not_before_s = 0.0
        self._changed_ms = changed_ms

    def open(self) -> None:
        """Somebody begins to serve the channel. The places of what was cancelled before are not missed."""
        self.places = asyncio.Semaphore(_MOST_AT_ONCE)

    def learn(self, channel: Channel) -> None:
        """How fast, and how many at once, its type allows. People's messages go one by one: what the next one will be
        depends on when the last one went."""
        self._every_s = 1 / channel.per_second
        self.most_held = 1 if channel.in_digests else _MOST_HELD

    def pause(self, seconds: float) -> None:
        """Send nothing before that."""
        self.not_before_s = max(self.not_before_s, time.monotonic() + seconds)

    def pausing(self) -> bool:
        return self.not_before_s > time.monotonic()

    async def pace(self) -> None:
        """Returns when the next message may go."""
        now_s = time.monotonic()
        burst_s = _BURST_S if self.most_held > 1 else 0.0
        begins_s = max(self._next_s, now_s - burst_s)
        self._next_s = begins_s + self._every_s
        if begins_s > now_s:
            await asyncio.sleep(begins_s - now_s)
