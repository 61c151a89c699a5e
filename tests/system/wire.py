"""The wire between a probe and the API, in the tests' hands: it remembers what was acknowledged, and can be cut."""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Wire:
    """An HTTP proxy for the probe protocol. `acknowledged`: (status, duration) by run id of every result the API said
    it has: the duration tells a stored result from one of a later try."""

    def __init__(self, api_url: str) -> None:
        self.acknowledged: dict[str, tuple[str, float | None]] = {}
        self.refused: dict[str, str] = {}
        self.cut = threading.Event()
        self._lock = threading.Lock()
        self._host = urlsplit(api_url).netloc
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if wire.cut.is_set():
                    self.close_connection = True
                    return
                try:
                    status, headers, answer = wire.forward(self.path, body, dict(self.headers))
                except (OSError, http.client.HTTPException):
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers:
                    if name.lower() in ("content-type", "retry-after"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                if status == 200 and self.path.endswith("/results"):
                    wire.remember(json.loads(body), json.loads(answer))

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A probe that was killed is what these tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._host, timeout=20)
        try:
            kept = {name: headers[name] for name in ("Authorization", "Content-Type") if name in headers}
            connection.request("POST", path, body, kept)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def remember(self, sent: dict[str, Any], answer: dict[str, Any]) -> None:
        told = answer.get("data", answer)
        refused = {entry["run_id"]: entry["reason"] for entry in told.get("refused", [])}
        with self._lock:
            self.refused.update(refused)
            for result in sent["results"]:
                if result["run_id"] not in refused:
                    self.acknowledged[result["run_id"]] = result["status"], result.get("duration_ms")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
