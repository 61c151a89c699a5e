"""The one ASGI app: native handlers for what waits or comes by the hundred, Flask for the rest, the same rules for all.

Every request gets an id, a body limit, a verdict on who is calling, and an answer in the envelope when it fails; none
waits in an endless queue: a full pool is 503 with Retry-After.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.dialects import AGENTS, MAX_BODY_BYTES, body_limit, takes_files
from api.errors import STORE_AWAY, RateLimited, Refused, Unavailable
from api.requests import new_request_id
from api.serving_peers import Proxies, plain
from api.serving_pools import SaturatedError
from api.serving_protocol import ABORT
from api.serving_requests import (
    Bodies,
    Receive,
    Reply,
    Request,
    Send,
    drain_and_close,
    refusal,
    send_reply,
)
from api.serving_wsgi import WsgiBridge
from api.trace_viewer import METHODS as VIEWER_METHODS
from api.trace_viewer import TraceViewer

_log = structlog.get_logger(__name__)
Handler = Callable[[Request], Awaitable[Reply | None]]
"""None: this one is Flask's after all."""


class MethodNotAllowed(Refused):
    status = 405


class InternalError(Refused):
    status = 500


@dataclass(frozen=True)
class Native:
    """A handler outside Flask. `body_bytes`: its limit; `keep_bytes`: it wants no more than so much of the body;
    `streamed`: it takes the body as it arrives (Request.chunks), and holds it to the limit itself."""

    handler: Handler
    methods: tuple[str, ...] = ("POST",)
    body_bytes: int = MAX_BODY_BYTES
    keep_bytes: int | None = None
    streamed: bool = False


class Entrance:
    """`exact`: native handlers by path; `below`: by the beginning of a path; everything else goes to Flask. What is for
    the name of the trace viewer goes there, whatever its path."""

    def __init__(
        self,
        flask: WsgiBridge,
        proxies: Proxies,
        exact: Mapping[str, Native],
        below: Mapping[str, Native],
        viewer: TraceViewer,
    ) -> None:
        self._viewer = viewer
        self._viewing = Native(viewer.handle, VIEWER_METHODS, body_bytes=0)
        self._flask = flask
        self._proxies = proxies
        self._exact = exact
        self._below = tuple(below.items())
        self._bodies = Bodies()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI, HTTP only (the server runs without lifespan and websockets)."""
        request = self._request(scope, receive)
        structlog.contextvars.bind_contextvars(request_id=request.request_id)
        started = _Started(send)
        try:
            try:
                native = self._route(request)
                if await self._take_body(request, native, send):
                    await self._answer(request, native, started)
            except Refused as error:
                reply = refusal(error, request)
                await send_reply(send, reply, request.request_id, close=request.unread)
                if request.unread:
                    await drain_and_close(request.receive, send, body_limit(request.path))
        except ConnectionError:
            _log.debug("api.client_gone", path=request.path)
        except Exception as error:
            if started.happened:
                raise  # the server ends the connection: half an answer must not look like a whole one
            _log.error("api.internal_error", exc_info=error)
            failure = InternalError("Something went wrong on our side; the log has more under this request id")
            await send_reply(send, refusal(failure, request), request.request_id)

    def _route(self, request: Request) -> Native | None:
        """The native handler of a request, None for Flask's. MethodNotAllowed."""
        native = self._viewing if self._viewer.is_for(request) else self._exact.get(request.path)
        if native is None:
            native = next((native for prefix, native in self._below if request.path.startswith(prefix)), None)
        if native is not None and request.method not in native.methods:
            raise MethodNotAllowed(
                "This address does not take this method; the Allow header lists those it takes",
                headers={"Allow": ", ".join(native.methods)},
            )
        return native

    async def _take_body(self, request: Request, native: Native | None, send: Send) -> bool:
        """Read the body into the request; False when it was refused, which is answered here."""
        if native is not None and native.streamed:
            request.unread = True
            return True
        if native is None and request.method == "POST" and takes_files(request.path):
            request.unread = True
            request.length = request.announced_length(body_limit(request.path))
            request.unread = request.length > 0
            return True
        limit, keep = (native.body_bytes, native.keep_bytes) if native is not None else (body_limit(request.path), None)
        try:
            request.body = await self._bodies.read(request.headers, request.receive, limit, keep)
        except Refused as error:
            await send_reply(send, refusal(error, request), request.request_id, close=True)
            await drain_and_close(request.receive, send, limit)
            return False
        request.began = asyncio.get_running_loop().time()
        return True

    async def _answer(self, request: Request, native: Native | None, send: Send) -> None:
        try:
            reply = await native.handler(request) if native is not None else None
            if reply is None:
                await self._flask(request, send)
            else:
                await send_reply(send, reply, request.request_id)
        except SaturatedError:
            raise _busy(request.path) from None
        except (OperationalError, PoolTimeoutError) as error:
            _log.error("api.store_unavailable", error=str(error.__cause__ or error))
            raise Unavailable(STORE_AWAY) from None

    def _request(self, scope: MutableMapping[str, Any], receive: Receive) -> Request:
        peer = scope["client"][0] if scope.get("client") else ""
        request = Request(
            method=scope["method"],
            path=scope["path"],
            raw_path=scope["raw_path"],
            query=scope["query_string"],
            headers=scope["headers"],
            peer=peer,
            client=plain(peer),
            scheme=scope["scheme"],
            server=scope.get("server") or ("localhost", 0),
            request_id=new_request_id(),
            receive=receive,
            abort=scope.get(ABORT, _nothing),
        )
        if self._proxies.trusts(peer):
            request.client = self._proxies.client_of(peer, _joined(request, b"x-forwarded-for"))
            request.scheme = self._proxies.scheme_of(peer, request.scheme, _joined(request, b"x-forwarded-proto"))
        return request


def _busy(path: str) -> Refused:
    """Seed 002 has a word of its own for that."""
    said = "The server is busy; try again shortly"
    return RateLimited(said, 1) if path.startswith(AGENTS) else Unavailable(said)


def _nothing() -> None:
    """Where the server can't cut a connection."""


def _joined(request: Request, name: bytes) -> str:
    return ",".join(value.decode("latin-1") for key, value in request.headers if key == name)


class _Started:
    """`send`, and whether an answer has begun: from then on an error can't become an answer of its own."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.happened = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self.happened = True
        await self._send(message)
