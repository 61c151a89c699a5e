"""The tiny app that benchmarks/serving.py serves under each candidate: Flask, idle streams, long polls.

`asgi`: streams and polls as async handlers, Flask behind a2wsgi. `python -m benchmarks.serving_app PORT`: the same
behind Tracer's own entrance and bridge, as `tracer api` serves. `wsgi`: all three in Flask, a thread for each that
waits, as a server of threads has to hold them.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from flask import Flask, Response

STREAM_TICK_S = 10.0
POLL_S = 2.0
FLASK_THREADS = 16

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

flask_app = Flask(__name__)
wsgi = Flask("threads")
_never = threading.Event()


@flask_app.get("/small")
@wsgi.get("/small")
def small() -> dict[str, Any]:
    """About what a small REST answer costs Flask itself."""
    return {"success": True, "data": {"id": "mon_1", "name": "Production API", "status": "active"}}


@wsgi.get("/stream")
def stream() -> Response:
    def comments() -> Iterator[bytes]:
        while True:
            yield b": \n\n"
            _never.wait(STREAM_TICK_S)

    return Response(comments(), content_type="text/event-stream")


@wsgi.post("/poll")
def poll() -> dict[str, Any]:
    _never.wait(POLL_S)
    return {}


def with_waiting(rest: Asgi) -> Asgi:
    """Streams and polls as coroutines, everything else as `rest` does it."""

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["path"] == "/stream":
            await send(_start(b"text/event-stream"))
            while True:
                await send({"type": "http.response.body", "body": b": \n\n", "more_body": True})
                await asyncio.sleep(STREAM_TICK_S)
        elif scope["path"] == "/poll":
            await receive()
            await asyncio.sleep(POLL_S)
            await send(_start(b"application/json", (b"content-length", b"2")))
            await send({"type": "http.response.body", "body": b"{}"})
        else:
            await rest(scope, receive, send)

    return app


def _start(content_type: bytes, *more: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type), *more]}


def through_a2wsgi() -> Asgi:
    from a2wsgi import WSGIMiddleware

    middleware: Any = WSGIMiddleware(flask_app, workers=FLASK_THREADS)
    return with_waiting(middleware)


def serve_as_tracer(port: int) -> None:
    """Tracer's own entrance, bridge and HTTP protocol."""
    import socket

    import uvloop

    from api.server import SWITCH_S
    from api.serving import Entrance
    from api.serving_peers import Proxies
    from api.serving_pools import Pool
    from api.serving_uvicorn import PartUvicorn
    from api.serving_wsgi import WsgiBridge

    bridge = WsgiBridge(flask_app.wsgi_app, Pool("people", FLASK_THREADS, 128))
    app = with_waiting(Entrance(bridge, Proxies(()), {}, {}))
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        listener = socket.create_server(("127.0.0.1", port), backlog=2048)
        runner.run(PartUvicorn(app, _nothing, _nothing).serve([listener]))


def _nothing() -> None:
    """Nobody waits to be told."""


def __getattr__(name: str) -> Any:
    """`asgi` is made when a server asks for it: a2wsgi is a candidate's, not Tracer's."""
    if name == "asgi":
        return through_a2wsgi()
    raise AttributeError(name)


if __name__ == "__main__":
    serve_as_tracer(int(sys.argv[1]))
