"""A server on loopback for tests, and clients that speak HTTP by hand where a library would be too polite."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.server import Server

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.json["error"]["code"])


@dataclass(frozen=True)
class Place:
    """Where a server in another process listens."""

    host: str
    port: int


class Line:
    """One connection. `send` takes bytes as they are to stand on the wire."""

    def __init__(self, server: Server | Place) -> None:
        self.socket = socket.create_connection((server.host, server.port), timeout=PATIENCE_S)
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(self, method: str, path: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: tracer", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode("latin-1") + body)

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, which says its length. ConnectionError when there is none."""
        line = self._reader.readline()
        if not line:
            raise ConnectionError("the connection ended")
        message = http.client.parse_headers(self._reader)
        headers = {name.lower(): value for name, value in message.items()}
        status = int(line.split()[1])
        length = 0 if method == "HEAD" or status == 304 else int(headers["content-length"])
        return Answer(status, headers, self._reader.read(length))

    def ended(self) -> bool:
        """Whether the server has closed the connection, with nothing more to read."""
        try:
            return self._reader.read(1) == b""
        except ConnectionResetError:
            return True


def ask(server: Server | Place, method: str, path: str, body: bytes = b"", *headers: str) -> Answer:
    """One request on a connection of its own."""
    with Line(server) as line:
        line.request(method, path, body, *headers)
        return line.answer(method)


def wait_until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Fails when the condition does not come true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.002)
