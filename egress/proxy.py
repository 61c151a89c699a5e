"""The only way out of programs that are not ours (R13, T4), such as a journey's browser: a SOCKS5 proxy on loopback
that asks egress about every address.

SOCKS5 (RFC 1928), since every connection is then a tunnel by name and port: nothing of HTTP is read or rewritten, names
are looked up here and never by the program, and there is no UDP. Each run has a proxy of its own, which ends with it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from egress.door import Egress
from egress.errors import AddressRefusedError, ConnectRefusedError, EgressError, NotResolvedError

MAX_CONNECTIONS = 256
MAX_RECEIVED = 256 * 1024 * 1024
"""Bytes that one run may receive; then what still flows is cut."""
_CONNECT_S = 30.0
_GREETING_S = 10.0
_CHUNK = 65_536
_VERSION, _NO_AUTHENTICATION, _CONNECT = 5, 0, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_SUCCEEDED, _FAILED, _NOT_ALLOWED, _UNREACHABLE, _REFUSED = 0, 1, 2, 4, 5
_PORTS = {"http": 80, "ws": 80}
_BOUND = bytes((0, _IPV4, 0, 0, 0, 0, 0, 0))


class ProtocolError(Exception):
    """Not SOCKS5, or a command other than CONNECT."""


class Proxy:
    """`received`: bytes that came in so far."""

    def __init__(self, egress: Egress) -> None:
        self._failures: dict[tuple[str, int], EgressError] = {}
        self._addresses: dict[tuple[str, int], str] = {}
        self.received = 0
        self._egress = egress
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_CHUNK)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def url(self) -> str:
        """What the program is told."""
        if self._server is None:
            raise RuntimeError("the proxy is not open")
        return f"socks5://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def failure_of(self, url: str) -> EgressError | None:
        """Why the last connection to a URL's host could not be made; None when it could, or none was tried."""
        return self._failures.get(_place(url))

    def address_of(self, url: str) -> str | None:
        """Where a URL's host was last found."""
        return self._addresses.get(_place(url))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= MAX_CONNECTIONS or self.received > MAX_RECEIVED:
            writer.close()
            return
        self._open.add(task)
        try:
            await self._tunnel(reader, writer)
        except (ProtocolError, OSError, EOFError, TimeoutError):
            pass  # the program sees a connection that broke, which is all there is to say
        except asyncio.CancelledError:
            pass  # the run is over
        finally:
            self._open.discard(task)
            writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_GREETING_S):
            host, port = await _asked_for(reader, writer)
        loop = asyncio.get_running_loop()
        try:
            connection = await self._egress.connect(host, port, loop.time() + _CONNECT_S)
        except EgressError as error:
            self._failures[host, port] = error
            writer.write(bytes((_VERSION, _reply_of(error))) + _BOUND)
            await writer.drain()
            return
        self._failures.pop((host, port), None)
        self._addresses[host, port] = connection.address
        out_reader, out_writer = await _streams(connection.socket)
        try:
            writer.write(bytes((_VERSION, _SUCCEEDED)) + _BOUND)
            await writer.drain()
            await _until_one_ends(_pass_on(reader, out_writer), self._pass_back(out_reader, writer))
        finally:
            out_writer.close()

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            self.received += len(data)
            if self.received > MAX_RECEIVED:
                raise ConnectionAbortedError("this run has received too much")
            writer.write(data)
            await writer.drain()


async def _asked_for(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
    """The host and port that is wanted. Raises ProtocolError, EOFError."""
    version, methods = await reader.readexactly(2)
    if version != _VERSION or _NO_AUTHENTICATION not in await reader.readexactly(methods):
        raise ProtocolError
    writer.write(bytes((_VERSION, _NO_AUTHENTICATION)))
    version, command, _, kind = await reader.readexactly(4)
    if version != _VERSION or command != _CONNECT:
        raise ProtocolError
    if kind == _NAME:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii", errors="replace")
    elif kind == _IPV4:
        host = str(IPv4Address(await reader.readexactly(4)))
    elif kind == _IPV6:
        host = str(IPv6Address(await reader.readexactly(16)))
    else:
        raise ProtocolError
    return host.strip("[]").lower(), int.from_bytes(await reader.readexactly(2))


def _place(url: str) -> tuple[str, int]:
    """The host and port that a program asks for when it goes to a URL; of what is no URL, none."""
    parts = urlsplit(url)
    try:
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 443)
    except ValueError:
        return "", 0


def _reply_of(error: EgressError) -> int:
    if isinstance(error, AddressRefusedError):
        return _NOT_ALLOWED
    if isinstance(error, ConnectRefusedError):
        return _REFUSED
    return _UNREACHABLE if isinstance(error, NotResolvedError) else _FAILED


async def _streams(connected: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_connection(sock=connected, limit=_CHUNK)
    except BaseException:
        connected.close()
        raise


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()


async def _until_one_ends(*directions: Coroutine[Any, Any, None]) -> None:
    """Neither programs nor servers go on in one direction when the other has ended. Raises OSError."""
    tasks = [asyncio.ensure_future(direction) for direction in directions]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
