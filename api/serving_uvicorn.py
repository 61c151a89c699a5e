"""uvicorn as a part: no signals, no lifespan, no log of its own; stopped from any thread, at once when told to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Generator
from typing import Any

import uvicorn

from api.serving_protocol import LimitedProtocol

KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that it is they who close them and no request meets a closing one."""
BACKLOG = 2048
_TICK_S = 1.0
_PATIENCE_S = 5.0


class PartUvicorn(uvicorn.Server):
    """`on_serving` is called once it accepts, `on_stopping` when it no longer does; both on the loop."""

    def __init__(self, app: Any, on_serving: Callable[[], None], on_stopping: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=LimitedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                backlog=BACKLOG,
            )
        )
        self._on_serving = on_serving
        self._on_stopping = on_stopping
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()
        self.ticked_at = time.monotonic()
        """When the loop last had its turn: one that hangs serves nobody."""

    def stop(self, patience_s: float = _PATIENCE_S) -> None:
        """From any thread. Requests in progress have so long to finish; then they are cut."""
        self.config.timeout_graceful_shutdown = patience_s  # type: ignore[assignment] # any number will do
        self.should_exit = True
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Until told to stop. Once a second: the Date header, and the sign that the loop lives."""
        self._loop = asyncio.get_running_loop()
        self._on_serving()
        try:
            while not self.should_exit:
                await self.on_tick(0)
                self.ticked_at = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._told.wait()
        except BaseException:
            for server in self.servers:  # nobody may knock at a door behind which nobody is
                server.close()
            raise

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Newcomers first: whoever is answered early now must not come back to this door."""
        for server in self.servers:
            server.close()
        self._on_stopping()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals are the program's, not its server's."""
        yield
