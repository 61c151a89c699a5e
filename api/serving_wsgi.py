"""Flask under an ASGI server: one thread for the time of one request, and never for a slow client's time.

Bodies are in memory before a thread is taken (files excepted: api/serving_arriving.py), answers of known and moderate
length leave it whole, and the loop does the sending; so a client that reads or writes slowly costs memory with a limit,
and no thread. An answer of unknown or large size is passed on piece by piece, as fast as its reader takes it, and is
cut when the reader stalls.
(a2wsgi, which does the same job, hands each piece over between thread and loop: docs/decisions/0002-serving.md.)
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any
from urllib.parse import unquote_to_bytes

from api.serving_arriving import ArrivingBody
from api.serving_pools import Pool
from api.serving_requests import Headers, Request, Send, drain_and_close

WHOLE_BYTES = 4 << 20
"""Answers that say they are no longer than this are collected before they are sent."""
_STALLED_S = 30.0
_PIECE_BYTES = 64 << 10
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
Flow = Callable[[Any, Request, Send], Awaitable[None]]
FLOW = "tracer.flow"
"""In the WSGI environment: what a view leaves here is given to the loop once its thread is free, and the answer goes on
from there, for as long as it likes (live streams). Its status and headers are the view's."""
_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_UNPREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": None, b"transfer-encoding": None}


class WsgiBridge:
    """Calls a WSGI app in the threads of a pool. `changes`: the pool of requests that may change something, so that who
    reads never waits for who waits for the database's lock; by default the same. `flow`: what goes on with answers that
    flow (FLOW). `own`: by path, the pool of those that send there. `files`: of those whose body still arrives."""

    def __init__(
        self,
        app: _Wsgi,
        pool: Pool,
        changes: Pool | None = None,
        flow: Flow | None = None,
        own: Callable[[str], Pool | None] = lambda _path: None,
        files: Pool | None = None,
    ) -> None:
        self._app = app
        self._pool = pool
        self._changes = changes or pool
        self._flow = flow
        self._own = own
        self._files = files or self._changes

    async def __call__(self, request: Request, send: Send) -> None:
        """Answer the request. SaturatedError when no thread is free and none will be soon."""
        loop = asyncio.get_running_loop()
        answer = _Answer(send, loop)
        pool = self._pool_of(request)
        environ = environ_of(request)
        if request.unread:
            environ["CONTENT_LENGTH"] = str(request.length)
            environ["wsgi.input"] = ArrivingBody(request, request.length, loop)
        body = await pool.run(self._call, environ, answer)
        if self._flow is not None and FLOW in environ:
            await send(answer.start(flowing=True))
            await self._flow(environ[FLOW], request, send)
        elif body is not None:
            refused = request.unread  # before all of it was read: the rest is not the next request
            await send(answer.start(closing=refused))
            await send({"type": "http.response.body", "body": body, "more_body": refused})
            if refused:
                await drain_and_close(request.receive, send, request.length)

    def _pool_of(self, request: Request) -> Pool:
        if request.unread:
            return self._files
        if request.method in _READING:
            return self._pool
        return self._own(request.path) or self._changes

    def _call(self, environ: dict[str, Any], answer: _Answer) -> bytes | None:
        """In a thread. The whole body, or None when the answer was sent from here."""
        pieces = self._app(environ, answer.start_response)
        try:
            if answer.length is not None and answer.length <= WHOLE_BYTES:
                return b"".join(pieces)
            answer.stream(pieces)
            return None
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()


class _Answer:
    """What the app says of its answer, and the way out for long ones."""

    def __init__(self, send: Send, loop: asyncio.AbstractEventLoop) -> None:
        self._send = send
        self._loop = loop
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self.length: int | None = None

    def start_response(
        self, status: str, headers: list[tuple[str, str]], _exc_info: object = None
    ) -> Callable[[bytes], object]:
        """PEP 3333."""
        self._status = int(status[:3])
        self._headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        lengths = [value for name, value in self._headers if name == b"content-length"]
        self.length = int(lengths[0]) if lengths else (0 if self._status in (204, 304) else None)
        return _no_write

    def start(self, *, flowing: bool = False, closing: bool = False) -> dict[str, Any]:
        headers = [header for header in self._headers if not flowing or header[0] != b"content-length"]
        if closing:
            headers.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": self._status, "headers": headers}

    def stream(self, pieces: Iterable[bytes]) -> None:
        """In a thread: send as the reader takes it. ConnectionError when it takes nothing for 30 s."""
        self._pass_on(self.start())
        for piece in pieces:
            if piece:
                self._pass_on({"type": "http.response.body", "body": piece, "more_body": True})
        self._pass_on({"type": "http.response.body", "body": b""})

    def _pass_on(self, message: dict[str, Any]) -> None:
        sending = asyncio.run_coroutine_threadsafe(_send(self._send, message), self._loop)
        try:
            sending.result(_STALLED_S)
        except FutureTimeoutError:
            sending.cancel()
            raise ConnectionAbortedError("the client stopped reading") from None


async def _send(send: Send, message: dict[str, Any]) -> None:
    await send(message)


def _no_write(_data: bytes) -> object:
    raise NotImplementedError("write() of PEP 3333 is not supported; return an iterable")


def environ_of(request: Request) -> dict[str, Any]:
    """The request as PEP 3333 has it. `tracer.peer` is the socket's peer, whatever proxies say; `tracer.request_id`
    the id this request has everywhere."""
    host, port = request.server
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.raw_path).decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.client,
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "tracer.peer": request.peer,
        "tracer.request_id": request.request_id,
    }
    _add_headers(environ, request.headers)
    return environ


def _add_headers(environ: dict[str, Any], headers: Headers) -> None:
    for name, value in headers:
        if b"_" in name:
            continue  # X_Forwarded_For would arrive as X-Forwarded-For
        key = _UNPREFIXED[name] if name in _UNPREFIXED else f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
        if key is None:
            continue
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if name == b'cookie' else ','}{text}"
        environ[key] = text
