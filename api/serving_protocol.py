"""HTTP/1.1 on a socket: uvicorn's httptools protocol, with limits on what a stranger may make it hold.

A connection that does not finish its headers in time, or whose headers are too large, is ended with a word; one whose
reader has stalled is cut; above a number of connections newcomers are told 503. Everything else is uvicorn's.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.answer_headers import ON_THE_WIRE
from api.envelope import error_body
from api.errors import CODES
from api.requests import new_request_id

HEADERS_S = 10.0
"""The longest the headers of a request may take to arrive, from the first byte or the connection on."""
HEADER_BYTES = 32 << 10
"""The request line and all headers together."""
HEADER_COUNT = 100
LINGER_S = 2.0
"""How long a refused connection is still read, to no use: closed at once, it would be reset, and the answer lost."""
FLUSH_S = 30.0
"""After the last answer of a connection: how long its reader may take to fetch what is left."""
CONNECTIONS = 4096
ABORT = "tracer.abort"
"""In the scope of a request: what cuts its connection."""


class LimitedProtocol(HttpToolsProtocol):
    """Made by uvicorn for each connection."""

    most_connections = CONNECTIONS
    headers_s = HEADERS_S
    flush_s = FLUSH_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_bytes = 0
        self._in_headers = True
        self._too_large = False
        self._refused = False
        self._headers_timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(503, "This server holds as many connections as it can", (b"retry-after: 1\r\n",))
            return
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._headers_timer, self._flush_timer, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        if self._in_headers:
            if self._headers_timer is None:
                self._await_headers()
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > HEADER_BYTES:  # not complete yet, so all of it was headers
            self._refuse(431, f"The headers are larger than {HEADER_BYTES >> 10} KiB")

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        self._stop_waiting_for_headers()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > HEADER_BYTES or len(self.headers) > HEADER_COUNT:
            self._too_large = True
            raise ValueError("the headers are too large")  # the parser stops here and calls send_400_response
        super().on_headers_complete()
        self.scope[ABORT] = self.transport.abort  # type: ignore[literal-required]

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_headers = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._flush_timer = self.loop.call_later(self.flush_s, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        """Idle for too long: closed, or cut when the reader has not even fetched the last answer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """What httptools refuses to read, in our envelope."""
        if self._too_large:
            self._refuse(431, f"More than {HEADER_COUNT} headers, or larger than {HEADER_BYTES >> 10} KiB")
        else:
            self._refuse(400, msg)

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade is an offer that may be ignored; strangers' offers don't belong into the log."""

    def _await_headers(self) -> None:
        self._headers_timer = self.loop.call_later(self.headers_s, self._headers_late)

    def _stop_waiting_for_headers(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _headers_late(self) -> None:
        self._headers_timer = None
        if self._in_headers and (self.cycle is None or self.cycle.response_complete) and not self.pipeline:
            self._refuse(408, f"The headers did not arrive within {self.headers_s:g} s")

    def _refuse(self, status: int, message: str, headers: tuple[bytes, ...] = ()) -> None:
        """Answer without the app, and end the connection."""
        if self._refused:
            return
        self._stop_waiting_for_headers()
        request_id = new_request_id()
        body = error_body(CODES.get(status, "malformed"), message, request_id)
        head = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode(),
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n".encode(),
            f"x-request-id: {request_id}\r\nconnection: close\r\n".encode(),
            *(b"%b: %b\r\n" % header for header in ON_THE_WIRE),
            *headers,
            b"\r\n",
        ]
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # an answer in progress ends here, whatever its handler still says
            self.cycle.message_event.set()
        self.transport.write(b"".join(head) + body)
        self.transport.write_eof()
        self._flush_timer = self.loop.call_later(LINGER_S, self.transport.abort)
