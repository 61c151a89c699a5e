"""What tests of HTTP checks work with: servers on loopback that answer as told, and one attempt against them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvloop

from egress.door import Egress
from egress.resolver import Resolver
from model.addresses import AddressPolicy, networks_of
from model.outcome import Outcome
from probes.checks import api, url
from probes.context import RunContext
from probes.http.engine import HttpEngine

T = TypeVar("T")
LOOPBACK = ("127.0.0.0/8", "::1/128")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def run(work: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(work)


@dataclass
class Connection:
    """One connection to a server: its request as received, and the streams to answer with."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""
    body: bytes = b""

    @property
    def lines(self) -> list[str]:
        return self.head.decode("latin-1").rstrip("\r\n").split("\r\n")

    def header(self, name: str) -> str | None:
        found = [line.partition(":")[2].strip() for line in self.lines if line.lower().startswith(name.lower() + ":")]
        return found[0] if found else None

    async def read_request(self) -> None:
        self.head = await self.reader.readuntil(b"\r\n\r\n")
        self.body = await self.reader.readexactly(int(self.header("content-length") or 0))


Answerer = Callable[[Connection], Awaitable[None]]


@dataclass
class Server:
    """`seen`: every connection there was, with its request if one was read."""

    port: int = 0
    scheme: str = "http"
    seen: list[Connection] = field(default_factory=list)

    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int, within_s: float = 5.0) -> None:
        """Waits for so many connections."""
        async with asyncio.timeout(within_s):
            while len(self.seen) < count:
                self.news.clear()
                await self.news.wait()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


def answering(*parts: bytes) -> Answerer:
    """Reads the request, writes the parts, closes."""

    async def answer(connection: Connection) -> None:
        await connection.read_request()
        for part in parts:
            connection.writer.write(part)
            await connection.writer.drain()

    return answer


def redirecting(location: str, status: int = 302) -> Answerer:
    return answering(f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())


@asynccontextmanager
async def serving(
    answer: Answerer, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """A server whose connections `answer` handles; those still open at the end are cut."""
    server = Server(scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        connection = Connection(reader, writer)
        server.seen.append(connection)
        server.news.set()
        try:
            await answer(connection)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
            pass  # the probe has had enough, as tests of limits expect
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, host, 0, ssl=tls, backlog=1024)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)


@dataclass
class Bench:
    """Makes attempts; `egress` and `http` as a probe would hold them."""

    egress: Egress
    http: HttpEngine

    def context(self, within_s: float = 5.0, run_id: str = "run_1") -> RunContext:
        return RunContext(asyncio.get_running_loop().time() + within_s, self.egress, self.http, run_id)

    async def url(self, address: str, within_s: float = 5.0, **fields: Any) -> Outcome:
        check = url.UrlCheck.model_validate({"name": "a", "type": "url", "url": address, **fields})
        return await url.run(check, self.context(within_s))

    async def api(self, address: str, within_s: float = 5.0, **fields: Any) -> Outcome:
        check = api.ApiCheck.model_validate({"name": "a", "type": "api", "url": address, **fields})
        return await api.run(check, self.context(within_s))


@asynccontextmanager
async def bench(
    allow: Iterable[str] = LOOPBACK, *, resolver: Resolver | None = None, ca_file: str | None = None
) -> AsyncIterator[Bench]:
    http = HttpEngine(ca_file)
    try:
        yield Bench(Egress(AddressPolicy(networks_of(allow)), resolver), http)
    finally:
        http.close()
