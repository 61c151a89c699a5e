"""TCP connections to the first of some vetted addresses that takes one (RFC 8305, "happy eyeballs")."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
import time
from dataclasses import dataclass

from egress.arrival import stamp_arrivals
from egress.errors import ConnectFailedError, ConnectRefusedError, ConnectTimeoutError, EgressError

_HEAD_START_S = 0.25
"""How long an address is alone before the next is tried beside it."""

_U32 = struct.Struct("@I")
_RTT_AT, _TOTAL_RETRANS_AT, _TCP_INFO_BYTES = 68, 100, 104
"""Offsets in Linux's `struct tcp_info` (linux/tcp.h), which only ever grows at its end."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connected non-blocking socket, whose owner closes it. `dns_ms` is None when no name was looked up;
    `connect_ms` from the first attempt's start to this socket's connection; `established`: the instant of that,
    by `time.perf_counter`."""

    socket: socket.socket
    address: str
    port: int
    dns_ms: float | None
    connect_ms: float
    established: float


async def connect_first(
    addresses: tuple[str, ...], port: int, deadline: float, *, dns_ms: float | None = None
) -> Connection:
    """Raises ConnectRefusedError, ConnectTimeoutError or ConnectFailedError, of the last address that was tried."""
    starts: list[float] = []
    waiting = list(addresses)
    trying: dict[asyncio.Task[tuple[socket.socket, float]], str] = {}
    failure: EgressError = ConnectTimeoutError(f"no time was left to connect to port {port}", dns_ms=dns_ms)
    loop = asyncio.get_running_loop()
    try:
        while (waiting or trying) and (left := deadline - loop.time()) > 0:
            if waiting:
                address = waiting.pop(0)
                trying[asyncio.create_task(_connect(address, port, starts))] = address
            pause = min(_HEAD_START_S, left) if waiting else left
            done, _ = await asyncio.wait(trying, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if not done and not waiting:
                failure = ConnectTimeoutError(f"{_place(addresses, port)} did not answer in time", dns_ms=dns_ms)
            for task in done:
                address = trying.pop(task)
                error = task.exception()
                if error is None:
                    stream, connected = task.result()
                    return Connection(stream, address, port, dns_ms, (connected - starts[0]) * 1000, connected)
                if not isinstance(error, OSError):
                    raise error
                failure = _failure(error, address, port, dns_ms)
    finally:
        for task in trying:
            task.cancel()
            task.add_done_callback(_close_late)
    raise failure


async def _connect(address: str, port: int, starts: list[float]) -> tuple[socket.socket, float]:
    """(the connected socket, the instant it was); the instant it began is added to `starts`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    stream = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stamp_arrivals(stream)
        started = time.perf_counter()
        starts.append(started)
        await asyncio.get_running_loop().sock_connect(stream, (address, port))
    except BaseException:
        stream.close()
        raise
    return stream, _established(stream, started, time.perf_counter())


def _established(stream: socket.socket, started: float, noticed: float) -> float:
    """The instant the peer's answer came, not the later one at which a busy loop noticed: the kernel timed the round
    trip of the first packet. With one sent twice it can't tell which was answered, so there the loop's word counts."""
    if sys.platform != "linux":
        return noticed
    info = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    if len(info) < _TCP_INFO_BYTES:
        return noticed
    (round_trip_us,) = _U32.unpack_from(info, _RTT_AT)
    (sent_twice,) = _U32.unpack_from(info, _TOTAL_RETRANS_AT)
    return min(started + round_trip_us / 1e6, noticed) if round_trip_us and not sent_twice else noticed


def _close_late(task: asyncio.Task[tuple[socket.socket, float]]) -> None:
    """A connection that came after another had won."""
    if not task.cancelled() and task.exception() is None:
        task.result()[0].close()


def _place(addresses: tuple[str, ...], port: int) -> str:
    shown = addresses[0] if len(addresses) == 1 else f"{addresses[0]} and {len(addresses) - 1} more"
    return f"{shown} port {port}"


def _failure(error: OSError, address: str, port: int, dns_ms: float | None) -> EgressError:
    if error.errno == errno.ECONNREFUSED:
        return ConnectRefusedError(f"{address} refused the connection to port {port}", dns_ms=dns_ms)
    if error.errno == errno.ETIMEDOUT:
        return ConnectTimeoutError(f"{address} did not answer on port {port}", dns_ms=dns_ms)
    reason = os.strerror(error.errno) if error.errno else str(error)
    return ConnectFailedError(f"{address} port {port} could not be connected to: {reason}", dns_ms=dns_ms)
