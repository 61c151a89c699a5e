"""Real Tracer processes for whole-process tests: started, killed, stopped and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

OWNER_KEY = "owner-key-of-the-system-tests-0123456789"
SECRET_KEYS = "k1:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="


class Process:
    """`tracer <arguments>` in a session of its own. `sabotage` names a broken build (tests/system/sabotage.py);
    `prefix` is a command that runs others, somewhere else."""

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        sabotage: str = "",
        prefix: Sequence[str] = (),
    ) -> None:
        self.arguments = arguments
        self._environment = environment
        self._log = log
        self._sabotage = sabotage
        self._prefix = prefix
        self._process: subprocess.Popen[bytes] | None = None
        self.first_line = ""

    def start(self) -> Process:
        entry = ["-m", "tests.system.sabotage", self._sabotage] if self._sabotage else ["-m", "cli.main"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, sys.executable, *entry, *self.arguments],
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        return self

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is not None:
            with process.stdout:
                for line in process.stdout:
                    self.first_line = self.first_line or line.decode()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to it and to whatever it started."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._process.poll()
            self._process.wait()
            self._process = None

    def stop(self, patience_s: float = 20) -> int:
        """SIGTERM, and its exit code."""
        process = self._process
        if process is None:
            raise RuntimeError("not started")
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(patience_s)
        finally:
            self.kill()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(condition: Callable[[], Any], what: str, within_s: float = 30) -> Any:
    """The condition's first true value; a promise not kept in time is a failed test that says which."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(0.05)


class Api:
    """A person with the owner's key. Connection failures are retried for `patience_s`: servers are being killed."""

    def __init__(self, url: str, key: str = OWNER_KEY, patience_s: float = 20) -> None:
        self.url = url
        self._key = key
        self._patience_s = patience_s

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                return self.once(method, path, body)
            except (OSError, ConnectionError) as error:
                if isinstance(error, urllib.error.HTTPError) and error.code not in (502, 503):
                    raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def once(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Bearer {self._key}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)

    def history(self, monitor_id: str, **query: str) -> list[dict[str, Any]]:
        """Every entry of a monitor's runs, over all pages by cursor."""
        entries: list[dict[str, Any]] = []
        extra = "".join(f"&{name}={value}" for name, value in query.items())
        path = f"/v1/monitors/{monitor_id}/runs?per_page=100{extra}"
        cursor = ""
        while True:
            page = self("GET", path + cursor)
            entries += page["data"]
            following = page["meta"].get("next")
            if not following:
                return entries
            cursor = f"&cursor={following}"
