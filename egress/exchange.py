"""One round of questions to one nameserver, over UDP on the loop, or TCP when an answer was cut off.

A fresh connected socket each time: the kernel gives it a random port and drops what other hosts send, the ids are
random too, and what does not repeat the question is ignored, so a forger has 32 bits to guess.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Iterable

from egress import wire
from egress.system import Nameserver

Replies = dict[bytes, wire.Reply]
"""By question; those that were not answered in time are missing."""

_GRACE_S = 0.25
"""How long the second family's answer may come after the first one's addresses (RFC 8305 says 0.05: an answer that
comes this late still counts here, since it must be vetted too)."""
_MAX_STRAY = 64
"""Datagrams that answer nothing we asked, before the server counts as broken."""
_DATAGRAM = 4_096


class UdpExchange:
    """Asks all questions at once and resolves `done` when all are answered, the server refuses, or nothing sensible
    comes. `finished` is the instant (`time.perf_counter`) of the last useful datagram."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: Nameserver, questions: Iterable[bytes]) -> None:
        self.replies: Replies = {}
        self.finished = 0.0
        self._loop = loop
        self._stray = 0
        self._grace: asyncio.TimerHandle | None = None
        self.done: asyncio.Future[None] = loop.create_future()
        self._socket = socket.socket(server.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._waiting: dict[int, bytes] = {}
        try:
            self._socket.connect(server.sockaddr)
            for asked in questions:
                identity = secrets.randbits(16)
                while identity in self._waiting:
                    identity = secrets.randbits(16)
                self._waiting[identity] = asked
                self._socket.send(wire.query(identity, asked))
        except OSError:
            self._socket.close()
            raise
        loop.add_reader(self._socket.fileno(), self._readable)

    async def run(self, wait_s: float) -> Replies:
        """The replies that came within `wait_s`."""
        timer = self._loop.call_later(wait_s, self._end)
        try:
            await self.done
        finally:
            timer.cancel()
            self.close()
        return self.replies

    def close(self) -> None:
        """Gives the socket back; a second call does nothing."""
        if self._grace is not None:
            self._grace.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _readable(self) -> None:
        while self._waiting:
            try:
                message = self._socket.recv(_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # "Connection refused" by ICMP: nobody listens there.
                self._end()
                return
            self._take(message)
            if self._stray > _MAX_STRAY:
                break
        self._end()

    def _take(self, message: bytes) -> None:
        identity = int.from_bytes(message[:2])
        asked = self._waiting.get(identity)
        try:
            reply = None if asked is None else wire.parse(message, identity, asked)
        except wire.MalformedError:
            reply = None
        if asked is None or reply is None:
            self._stray += 1
            return
        del self._waiting[identity]
        self.replies[asked] = reply
        self.finished = time.perf_counter()
        # "No such name" for one family is not the last word: some servers say so of AAAA where A exists (RFC 4074).
        settled = reply.addresses or reply.rcode == wire.NXDOMAIN
        if settled and self._waiting and self._grace is None:
            self._grace = self._loop.call_later(_GRACE_S, self._end)


async def ask_over_tcp(
    loop: asyncio.AbstractEventLoop, server: Nameserver, asked: bytes, wait_s: float
) -> wire.Reply | None:
    """The reply over TCP (RFC 7766), for answers that are too long for UDP; None when there is none in time."""
    try:
        async with asyncio.timeout(wait_s):
            with socket.socket(server.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as stream:
                await loop.sock_connect(stream, server.sockaddr)
                identity = secrets.randbits(16)
                message = wire.query(identity, asked)
                await loop.sock_sendall(stream, len(message).to_bytes(2) + message)
                length = int.from_bytes(await _read_exactly(loop, stream, 2))
                return wire.parse(await _read_exactly(loop, stream, length), identity, asked)
    except (OSError, TimeoutError, wire.MalformedError):
        return None


async def _read_exactly(loop: asyncio.AbstractEventLoop, stream: socket.socket, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        part = await loop.sock_recv(stream, size - len(read))
        if not part:
            raise ConnectionResetError("the nameserver hung up")
        read += part
    return bytes(read)
