"""A body that a Flask view reads while it still arrives: what is large goes through memory piece by piece.

The view's thread waits for the network, so such requests have threads of their own (api/server.py), and a body has the
time that its length deserves and no more (Request.chunks).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

from api.serving_requests import Request

PIECE_BYTES = 256 << 10
"""What is handed from the loop to the thread at a time."""


class ArrivingBody(io.RawIOBase):
    """`wsgi.input` of one request, read by one thread. Reading raises ConnectionError, TooSlowError."""

    def __init__(self, request: Request, length: int, loop: asyncio.AbstractEventLoop) -> None:
        self._chunks: AsyncIterator[bytes] = request.chunks(length)
        self._left = length
        self._loop = loop
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._piece:
            self._piece = memoryview(asyncio.run_coroutine_threadsafe(self._next(), self._loop).result())
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    async def _next(self) -> bytes:
        """On the loop. With the last byte the end is read too: only then can the connection be used again."""
        waiting = bytearray()
        async for chunk in self._chunks:
            waiting += chunk
            self._left -= len(chunk)
            if len(waiting) >= PIECE_BYTES and self._left > 0:
                break
        return bytes(waiting)
