"""Writes results in batches: while one transaction is being written, the next gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.sending.results import Result

MOST_AT_ONCE = 100
"""Messages whose results are written in one transaction."""
AGAIN_S = 0.5
_log = structlog.get_logger(__name__)


class Recorder:
    """`write` is one transaction. What has been sent is recorded however long the database is away: until it is, the
    notification would be sent again by whoever comes next."""

    def __init__(self, write: Callable[[Sequence[Result]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[Sequence[Result], asyncio.Future[None]]] = []
        self._woken = asyncio.Event()

    async def record(self, results: Sequence[Result]) -> None:
        """Returns when all of them are written, in one transaction: they are of one message."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((results, written))
        self._woken.set()
        await written

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                batch = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                await self._persist([result for results, _ in batch for result in results])
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)

    async def _persist(self, results: Sequence[Result]) -> None:
        while True:
            try:
                await self._write(results)
            except SQLAlchemyError as error:
                _log.error("outbox.not_recorded", count=len(results), error=str(error))
                await asyncio.sleep(AGAIN_S)
            else:
                return
