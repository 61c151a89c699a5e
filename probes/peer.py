"""A conversation over one connection, plain or TLS, each phase timed alone and free of the loop's own lateness."""

from __future__ import annotations

import socket
import ssl
import time
from functools import lru_cache

from egress.arrival import Arrival, readable, receive, writable

_CHUNK = 65_536


class Peer:
    """Owns the socket; `close` gives it back. `established`: `time.perf_counter` when the connection, with TLS where
    wanted, stood."""

    def __init__(self, connected: socket.socket, established: float) -> None:
        self.established = established
        self._socket = connected
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    async def handshake(self, context: ssl.SSLContext, server_name: str) -> float:
        """TLS from here on. Returns its duration in ms, without the time that the peer's bytes waited for us.

        Raises ssl.SSLError, OSError."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        started = time.perf_counter()
        ours_s, late_s, done = 0.0, 0.0, False
        while not done:
            done = _step(tls)
            finished = time.perf_counter()
            if self._outgoing.pending or done:
                # Only now did the peer, or we ourselves, wait for what lay unread.
                ours_s += late_s
            await self._flush()
            if not done:
                arrived = await self._arrival()
                late_s = arrived.late_s
                if not arrived.data:
                    raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer closed the connection")
                self._incoming.write(arrived.data)
        self._tls = tls
        self.established = finished - late_s
        return (finished - started - ours_s) * 1000

    async def send(self, data: bytes) -> float:
        """Sends all of it; returns the instant of the first byte. Raises OSError, ssl.SSLError."""
        started = time.perf_counter()
        if self._tls is None:
            await self._write(data)
            return started
        for at in range(0, len(data), _CHUNK):
            self._tls.write(data[at : at + _CHUNK])
            await self._flush()
        return started

    async def read(self) -> Arrival:
        """The next bytes; none at the end. Raises OSError, ssl.SSLError."""
        if self._tls is None:
            return await self._arrival()
        arrived = Arrival(b"", time.perf_counter(), 0.0)
        while True:
            try:
                return Arrival(self._tls.read(_CHUNK), arrived.at, arrived.late_s)
            except ssl.SSLWantReadError:
                await self._flush()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return Arrival(b"", arrived.at, arrived.late_s)
            arrived = await self._arrival()
            if arrived.data:
                self._incoming.write(arrived.data)
            else:
                self._incoming.write_eof()

    def certificate(self) -> bytes | None:
        """The peer's certificate, DER; None without TLS."""
        return None if self._tls is None else self._tls.getpeercert(binary_form=True)

    def close(self) -> None:
        """A reset, not a farewell: nothing may linger for a peer that does not read."""
        self._socket.close()

    async def _arrival(self) -> Arrival:
        while True:
            try:
                return receive(self._socket, _CHUNK)
            except (BlockingIOError, InterruptedError):
                await readable(self._socket)

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._write(self._outgoing.read())

    async def _write(self, data: bytes) -> None:
        waiting = memoryview(data)
        while waiting:
            try:
                waiting = waiting[self._socket.send(waiting) :]
            except (BlockingIOError, InterruptedError):
                await writable(self._socket)


def _step(tls: ssl.SSLObject) -> bool:
    """Whether the handshake is done."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


@lru_cache(maxsize=16)
def client_context(ca_file: str, *, verify: bool) -> ssl.SSLContext:
    """How this probe greets TLS peers; loading the authorities takes 10 ms, so once per file."""
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
