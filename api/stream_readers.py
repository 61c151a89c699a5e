"""One open stream as the event loop sees it: what is on its way to it, and how far it has come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from api.serving_requests import Request, Send
from api.stream_messages import COMMENT, HELLO, RETRY
from api.stream_sources import Source
from store.stream_places import Listener

MOST_BYTES = 1 << 20
"""What may wait for a reader that is slower than its messages; with more it is cut, and can resume where it was."""
STALLED_S = 15.0
COMMENT_S = 8.0
"""So long after a comment comes the next, whatever else is said meanwhile: one in 10 s is promised."""


@dataclass(frozen=True)
class Opening:
    """What a request for a stream was granted. `after`: the number of the last message it has."""

    listener: Listener
    place_id: str
    after: int
    source: Source


class Reader:
    """Used on the loop only. `seen`: the number up to which it was given everything. `live`: it has caught up, and is
    given what comes."""

    def __init__(self, opening: Opening, request: Request) -> None:
        self.opening = opening
        self.seen = opening.after
        self.live = False
        self.over = False
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = [HELLO]
        self._bytes = 0
        self._something = asyncio.Event()
        self._something.set()
        self._greeted = False
        self._commented_at = self._loop.time()
        self._stuck_since: float | None = None

    @property
    def organization_id(self) -> str:
        return self.opening.listener.organization_id

    def give(self, piece: bytes) -> None:
        """One more piece, whole messages or a comment; cut when too much waits already."""
        if self._waiting and self._bytes + len(piece) > MOST_BYTES:
            self.cut()
            return
        self._waiting.append(piece)
        self._bytes += len(piece)
        self._something.set()

    def comment(self) -> None:
        """Say that it is there."""
        self._commented_at = self._loop.time()
        self.give(COMMENT)

    def is_due_a_comment(self, now: float) -> bool:
        """`now`: of the loop."""
        return now - self._commented_at >= COMMENT_S

    def is_stalled(self, now: float) -> bool:
        """Whether its end takes nothing any more."""
        return self._stuck_since is not None and now - self._stuck_since >= STALLED_S

    async def say_what_waits(self, send: Send, *, wait: bool) -> None:
        """Send what there is; first `wait` until there is something, or it is over."""
        if wait:
            await self._something.wait()
        self._something.clear()
        if not self._waiting or self.over:
            return
        piece = b"".join(self._waiting)
        self._waiting, self._bytes = [], 0
        if not self._greeted and b"id: " in piece:
            self._greeted = True
            piece = piece.replace(b"id: ", RETRY + b"id: ", 1)
        self._stuck_since = self._loop.time()
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        self._stuck_since = None

    def end(self) -> None:
        """No more of it: the answer ends here. One whose end takes nothing is cut."""
        self.over = True
        self._something.set()
        if self._stuck_since is not None:
            self._request.abort()

    def cut(self) -> None:
        self.over = True
        self._something.set()
        self._request.abort()

    async def end_when_gone(self) -> None:
        """Returns when its client has hung up."""
        await self._request.gone()
        self.end()
