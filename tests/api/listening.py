"""A listener of live streams, as a program would write it: lines of Server-Sent Events over one connection."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple

from api.server import Server
from tests.api.wire import PATIENCE_S, Place


class Message(NamedTuple):
    id: int
    event: str
    data: Any


class Listener:
    """One open stream. `status` is the answer's; anything but 200 is read whole into `refusal`."""

    def __init__(
        self, server: Server | Place, key: str = "", after: int | None = None, cookie: str = "", query: str = "",
        path: str = "/v1/stream",
    ) -> None:  # fmt: skip
        """`query`: behind the path, such as `?project=shop`."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= {"Last-Event-ID": str(after)} if after is not None else {}
        headers |= {"Cookie": cookie} if cookie else {}
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE_S)
        self._connection.request("GET", f"{path}{query}", headers=headers)
        self.answer = self._connection.getresponse()
        self.status = self.answer.status
        self.refusal = b"" if self.status == 200 else self.answer.read()

    def line(self) -> str | None:
        """The next line; None when the stream has ended."""
        try:
            found = self.answer.readline()
        except (http.client.IncompleteRead, ConnectionError):
            return None
        return found.decode().rstrip("\n") if found else None

    def comment(self) -> str:
        """The next comment."""
        while (line := self.line()) is not None:
            if line.startswith(":"):
                return line
        raise AssertionError("the stream has ended")

    def message(self) -> Message:
        """The next message."""
        fields: dict[str, str] = {}
        while (line := self.line()) is not None:
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif not line and "data" in fields:
                return Message(int(fields["id"]), fields["event"], json.loads(fields["data"]))
        raise AssertionError("the stream has ended")

    def messages(self, count: int) -> list[Message]:
        return [self.message() for _ in range(count)]

    def rest(self) -> list[str]:
        """All lines until the stream has ended."""
        return list(iter(self.line, None))

    def close(self) -> None:
        self.answer.close()
        self._connection.close()
