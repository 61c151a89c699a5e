"""A site on loopback whose pages a test writes: `site.page("/", "<h1>Hello</h1>")`. Port 0, a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """One request that came. Names of headers begin with capitals."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    body: bytes | str = b""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Asked], Answer]


class Site:
    """What it was asked is in `asked`, in order."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._handlers: dict[str, Handler] = {}
        site = self

        class _Requests(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(
                    self.command,
                    self.path,
                    {name.title(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                site.asked.append(asked)
                handler = site._handlers.get(self.path.partition("?")[0])
                answer = Answer("not here", 404) if handler is None else handler(asked)
                body = answer.body.encode() if isinstance(answer.body, str) else answer.body
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(body)))
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_OPTIONS = answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        class _Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A browser that goes away in the middle is nothing to report."""

        self._server = _Server(("127.0.0.1", 0), _Requests)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def page(self, path: str, html: str, **answer: object) -> str:
        """Serves a page; its whole URL."""
        return self.on(path, lambda _: Answer(f"<!doctype html><title>Page</title>{html}", **answer))  # type: ignore[arg-type]

    def on(self, path: str, handler: Handler) -> str:
        """Serves what a function answers."""
        self._handlers[path] = handler
        return self.url + path

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked if asked.path != "/favicon.ico"]

    @contextmanager
    def running(self) -> Iterator[Site]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
