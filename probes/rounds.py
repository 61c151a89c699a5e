"""One question asked on behalf of many: a round at a time, shared by all who can use its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")
SPACING_S = 0.5
"""Between the beginnings of two rounds: canaries are somebody's machines."""


class Rounds(Generic[_T]):
    """`began_at`: instant (monotonic) of the beginning of the latest round."""

    def __init__(self, ask: Callable[[], Awaitable[_T]], spacing_s: float = SPACING_S) -> None:
        self._ask = ask
        self._spacing_s = spacing_s
        self._round: asyncio.Task[_T] | None = None
        self.began_at = float("-inf")

    async def since(self, instant: float) -> _T:
        """The answer of a round that began at `instant` or later; a new round begins if none did."""
        while self._round is None or self.began_at < instant:
            if self._round is not None and not self._round.done():
                await asyncio.wait([self._round])
                continue
            pause_s = self.began_at + self._spacing_s - time.monotonic()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
                continue
            self._begin()
        return await asyncio.shield(self._round)

    async def stop(self) -> None:
        """No round is under way afterwards."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait([self._round])

    def _begin(self) -> None:
        self.began_at = time.monotonic()
        self._round = asyncio.ensure_future(self._ask())
