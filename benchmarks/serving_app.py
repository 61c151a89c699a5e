"""The tiny app that benchmarks/serving.py serves under each candidate: Flask, idle streams, long polls.

`asgi`: Flask behind a2wsgi, streams and polls as async handlers. `wsgi`: all three in Flask, a thread for each that
waits, as a server of threads would have to hold them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask, Response

STREAM_TICK_S = 10.0
POLL_S = 2.0
FLASK_THREADS = 16

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

flask_app = Flask(__name__)
_never = threading.Event()


@flask_app.get("/small")
def small() -> dict[str, Any]:
    """About what a small REST answer costs Flask itself."""
    return {"success": True, "data": {"id": "mon_1", "name": "Production API", "status": "active"}}


def _waits_in_a_thread(seconds: float) -> None:
    _never.wait(seconds)


wsgi = Flask("threads")
wsgi.add_url_rule("/small", view_func=small)


@wsgi.get("/stream")
def stream() -> Response:
    def comments() -> Iterator[bytes]:
        while True:
            yield b": \n\n"
            _waits_in_a_thread(STREAM_TICK_S)

    return Response(comments(), content_type="text/event-stream")


@wsgi.post("/poll")
def poll() -> dict[str, Any]:
    _waits_in_a_thread(POLL_S)
    return {}


_flask_asgi: Any = WSGIMiddleware(flask_app, workers=FLASK_THREADS)  # type: ignore[arg-type]


async def asgi(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Routes by path: the two that wait are coroutines, the rest is Flask."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["path"] == "/stream":
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        )
        while True:
            await send({"type": "http.response.body", "body": b": \n\n", "more_body": True})
            await asyncio.sleep(STREAM_TICK_S)
    elif scope["path"] == "/poll":
        await receive()
        await asyncio.sleep(POLL_S)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
    else:
        await _flask_asgi(scope, receive, send)
