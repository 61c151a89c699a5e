"""Steps as groups of the trace, so that its viewer shows them as people wrote them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from playwright.async_api import BrowserContext

_SETTLE_S = 1.0


class Groups:
    """Of one run. Nobody waits for them: what is sent first is done first."""

    def __init__(self, context: BrowserContext) -> None:
        self._tracing = context.tracing
        self._sent: list[asyncio.Future[Any]] = []

    async def begin(self, title: str) -> None:
        await self._send(self._tracing.group(title))

    async def end(self) -> None:
        await self._send(self._tracing.group_end())

    async def settle(self) -> None:
        """All of them are done, or never will be."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                await asyncio.gather(*self._sent, return_exceptions=True)

    async def _send(self, call: Coroutine[Any, Any, Any]) -> None:
        self._sent.append(asyncio.ensure_future(call))
        await asyncio.sleep(0)
