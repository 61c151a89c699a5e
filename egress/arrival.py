"""When bytes arrived, by the kernel's stamp: a loop busy with other checks reads late, but measures right.

Linux stamps packets on request (SO_TIMESTAMPNS); elsewhere, and without a stamp, the instant of reading counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import time
from typing import NamedTuple

_SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; Python has no name for it. The same on all architectures that Linux probes run on."""
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)
_NS = 1_000_000_000
_MOST_LATE_S = 60.0
"""A wall clock that was set between stamp and reading must not make a phase endless."""


class Arrival(NamedTuple):
    """`late_s`: how long the bytes had lain in the kernel when they were read; `at`: `time.perf_counter` when they
    came."""

    data: bytes
    at: float
    late_s: float


def stamp_arrivals(connected: socket.socket) -> None:
    """Ask the kernel to stamp what arrives from here on."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive(connected: socket.socket, limit: int) -> Arrival:
    """What can be read now; b"" at the end. Raises BlockingIOError when nothing can, and OSError."""
    data, ancillary, _, _ = connected.recvmsg(limit, _ANCILLARY)
    read_at = time.perf_counter()
    late_s = 0.0
    for level, kind, stamp in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(stamp) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            late_s = (time.time_ns() - (seconds * _NS + nanoseconds)) / _NS
    if not 0 <= late_s <= _MOST_LATE_S:
        late_s = 0.0
    return Arrival(data, read_at - late_s, late_s)


async def readable(connected: socket.socket) -> None:
    """Waits until there is something to read. The socket must belong to no transport."""
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    loop.add_reader(connected.fileno(), _wake, waiter)
    try:
        await waiter
    finally:
        loop.remove_reader(connected.fileno())


async def writable(connected: socket.socket) -> None:
    """Waits until something can be written."""
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    loop.add_writer(connected.fileno(), _wake, waiter)
    try:
        await waiter
    finally:
        loop.remove_writer(connected.fileno())


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
