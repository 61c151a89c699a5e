"""An API that answers everything alike and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class _Api(BaseHTTPRequestHandler):
    """Answers every request with the same monitor and keeps what was asked."""

    asked: list[tuple[str, str, Any]]
    answered: list[Any]

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.asked.append((self.command, self.path, json.loads(self.rfile.read(length)) if length else None))
        body = json.dumps({"success": True, "data": self.answered[-1]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names http.server wants

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def answered() -> list[Any]:
    """The last of these is the `data` of every answer."""
    return [{"id": "mon_1", "name": "Shop"}]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, answered: list[Any]) -> Iterator[list[tuple[str, str, Any]]]:
    handler = type("Handler", (_Api,), {"asked": [], "answered": answered})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("TRACER_URL", f"http://127.0.0.1:{server.server_port}")
        yield handler.asked
        server.shutdown()
        thread.join()
