"""TCP connections to the first of some vetted addresses that takes one (RFC 8305, "happy eyeballs")."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from dataclasses import dataclass

from egress.errors import ConnectFailedError, ConnectRefusedError, ConnectTimeoutError, EgressError

_HEAD_START_S = 0.25
"""How long an address is alone before the next is tried beside it."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connected non-blocking socket, whose owner closes it. `dns_ms` is None when no name was looked up;
    `connect_ms` from the first attempt's start to this socket's connection."""

    socket: socket.socket
    address: str
    port: int
    dns_ms: float | None
    connect_ms: float


async def connect_first(
    addresses: tuple[str, ...], port: int, deadline: float, *, dns_ms: float | None = None
) -> Connection:
    """Raises ConnectRefusedError, ConnectTimeoutError or ConnectFailedError, of the last address that was tried."""
    started = time.perf_counter()
    waiting = list(addresses)
    trying: dict[asyncio.Task[tuple[socket.socket, float]], str] = {}
    failure: EgressError = ConnectTimeoutError(f"no time was left to connect to port {port}", dns_ms=dns_ms)
    loop = asyncio.get_running_loop()
    try:
        while (waiting or trying) and (left := deadline - loop.time()) > 0:
            if waiting:
                address = waiting.pop(0)
                trying[asyncio.create_task(_connect(address, port))] = address
            pause = min(_HEAD_START_S, left) if waiting else left
            done, _ = await asyncio.wait(trying, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if not done and not waiting:
                failure = ConnectTimeoutError(f"{_place(addresses, port)} did not answer in time", dns_ms=dns_ms)
            for task in done:
                address = trying.pop(task)
                error = task.exception()
                if error is None:
                    stream, connected = task.result()
                    return Connection(stream, address, port, dns_ms, (connected - started) * 1000)
                if not isinstance(error, OSError):
                    raise error
                failure = _failure(error, address, port, dns_ms)
    finally:
        for task in trying:
            task.cancel()
            task.add_done_callback(_close_late)
    raise failure


async def _connect(address: str, port: int) -> tuple[socket.socket, float]:
    """(the connected socket, the instant it was)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    stream = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(stream, (address, port))
    except BaseException:
        stream.close()
        raise
    return stream, time.perf_counter()


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
