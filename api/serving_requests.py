"""A request and a reply as the native handlers see them, and the reading of bodies under limits, before buffering.

    async def handler(request: Request) -> Reply: …

A body over its limit is refused while it arrives, whatever its Content-Length says or leaves out; one that comes too
slowly, or too many large ones at once, are refused as well, so memory stays bounded by design.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.answer_headers import ON_THE_WIRE
from api.dialects import Refusal, say
from api.envelope import JSON
from api.errors import CODES, Refused, Unavailable, too_large

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

BODY_S = 30.0
"""The longest a body may take to arrive: a client that drips it holds a connection and nothing else."""
BODIES_BYTES = 64 << 20
"""All bodies on their way in at one time; more are answered 503."""
SLOWEST_BYTES_PER_S = 128 << 10
"""A body that is streamed may take BODY_S, and longer by its length at this rate."""
DRAIN_S = 5.0
DRAIN_BYTES = 32 << 20
"""After an early refusal the rest of a body is read and thrown away for so long, and so much of it or twice what was
allowed, so that a client which sends all before it reads finds our answer in place of a connection reset."""


class LengthRequiredError(Refused):
    """The body does not say how long it is."""

    status = 411


class TooSlowError(Refused):
    """The body did not arrive in time."""

    status = 408


@dataclass(slots=True)
class Request:
    """`peer`: address of the socket; `client`: of whom the request comes from, by the word of trusted proxies.
    `abort`: cut the connection, whatever is on its way.
    `began`: loop time at which it was complete. `unread`: its body is still to come, `length` bytes of it where it is
    Flask that reads it. Header names are lower case."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: Headers
    peer: str
    client: str
    scheme: str
    server: tuple[str, int]
    request_id: str
    receive: Receive
    abort: Callable[[], None] = lambda: None
    body: bytes = b""
    began: float = 0.0
    unread: bool = False
    length: int = 0

    def header(self, name: bytes) -> str:
        """The header's value, empty when it is not there."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def bearer(self) -> str:
        """The token of `Authorization: Bearer …`, empty when there is none."""
        scheme, _, token = self.header(b"authorization").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def announced_length(self, limit: int) -> int:
        """How long the body says it is. LengthRequiredError when it does not say; TooLarge."""
        announced = _content_length(self.headers)
        if announced is None:
            raise LengthRequiredError("Say how long the body is: Content-Length is missing")
        if announced > limit:
            raise too_large(limit)
        return announced

    async def chunks(self, length: int) -> AsyncIterator[bytes]:
        """A body of this announced length as it arrives. TooSlowError; ConnectionError when the client hung up."""
        within_s = BODY_S + length / SLOWEST_BYTES_PER_S
        until = asyncio.get_running_loop().time() + within_s
        while self.unread:
            try:
                async with asyncio.timeout_at(until):
                    message = await self.receive()
            except TimeoutError:
                raise TooSlowError(f"The body did not arrive within {within_s:.0f} s") from None
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the client hung up")
            self.unread = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def gone(self) -> None:
        """Returns when the client has hung up. Only after the body was read."""
        while (await self.receive())["type"] != "http.disconnect":
            continue


@dataclass(slots=True)
class Reply:
    """A whole answer. `prepared`: all its headers as they go out, in place of the usual ones and of `headers`."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    prepared: Headers | None = None


def refusal(error: Refused, request: Request) -> Reply:
    """The error as it is said there."""
    code = CODES.get(error.status, "malformed" if error.status < 500 else "internal")
    what = Refusal(error.status, code, error.message, request.request_id, error.fields, error.more)
    said = say(request.path, what, request.header(b"content-type"))
    headers = {"Cache-Control": "no-store", **said.headers, **error.headers}
    return Reply(said.body, said.status, said.content_type, headers)


class Bodies:
    """Reads bodies; one per server, because what it limits is the sum."""

    def __init__(self, most_bytes: int = BODIES_BYTES, within_s: float = BODY_S) -> None:
        self._most_bytes = most_bytes
        self._within_s = within_s
        self._arriving = 0

    async def read(self, headers: Headers, receive: Receive, limit: int, keep: int | None = None) -> bytes:
        """The body. `keep`: only so many bytes of it are wanted, and the rest may be of any size up to `limit`.

        Raises TooLarge, TooSlowError, Unavailable; ConnectionError when the client hung up."""
        announced = _content_length(headers)
        if announced == 0:
            return b""
        if announced is not None and announced > limit:
            raise too_large(limit)
        chunks: list[bytes] = []
        counted = total = 0
        try:
            async with asyncio.timeout(self._within_s):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ConnectionResetError("the client hung up")
                    chunk: bytes = message.get("body", b"")
                    more = message.get("more_body", False)
                    total += len(chunk)
                    if total > limit:
                        raise too_large(limit)
                    if keep is not None:
                        chunk = chunk[: max(0, keep - counted)]
                    if self._arriving + len(chunk) > self._most_bytes:
                        raise Unavailable("Too much is being sent at once; try again shortly")
                    counted += len(chunk)
                    self._arriving += len(chunk)
                    chunks.append(chunk)
        except TimeoutError:
            raise TooSlowError(f"The body did not arrive within {self._within_s:g} s") from None
        finally:
            self._arriving -= counted
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _content_length(headers: Headers) -> int | None:
    """How long the body is; None when only its end will tell."""
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            return int(value)
    return 0


async def send_reply(send: Send, reply: Reply, request_id: str, *, close: bool = False) -> None:
    """Send it whole, with the marks that every answer has. `close`: and end the connection."""
    if reply.prepared is not None:
        headers = [*reply.prepared, (b"x-request-id", request_id.encode())]
    else:
        headers = [
            (b"content-type", reply.content_type.encode()),
            (b"content-length", str(len(reply.body)).encode()),
            (b"x-request-id", request_id.encode()),
            *ON_THE_WIRE,
            *((name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers.items()),
        ]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": close})


async def drain_and_close(receive: Receive, send: Send, limit: int) -> None:
    """After `send_reply(close=True)`: read on for a moment, then let the connection end. `limit`: bytes that the body
    might have."""
    left = max(DRAIN_BYTES, 2 * limit)
    try:
        async with asyncio.timeout(DRAIN_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        left = 0
    await send({"type": "http.response.body", "body": b"", "more_body": False})
