"""Real Tracer processes for whole-process tests: started, killed, stopped and started again."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

OWNER_KEY = "owner-key-of-the-system-tests-0123456789"
_PR_SET_PDEATHSIG = 1
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
SECRET_KEYS = "k1:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.warm"])


def _tracer(
    arguments: list[str], environment: dict[str, str], log: str, sabotage: str, enter: Callable[[], None] | None
) -> None:
    """What a forked process does: become the command as a shell would start it; gone when the test's process is."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    if enter is not None:
        enter()
    os.environ.clear()
    os.environ.update(environment)
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, os.devnull, os.O_WRONLY), (2, log, _APPEND)):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["tracer", *arguments]
    if sabotage:
        from tests.system.sabotage import SABOTAGE

        SABOTAGE[sabotage]()
    from cli.main import main

    main()


class Process:
    """`tracer <arguments>` in a session of its own, forked from a process that has imported Tracer already: importing
    takes seconds, and a process that dies often would spend the test on it. `sabotage` names a broken build
    (tests/system/sabotage.py). `enter` is called in it before anything else."""

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        sabotage: str = "",
        enter: Callable[[], None] | None = None,
    ) -> None:
        self.arguments = arguments
        self._environment = environment
        self._log = log
        self._sabotage = sabotage
        self._enter = enter
        self._process: ForkServerProcess | None = None

    def start(self) -> Process:
        self._process = FORKS.Process(
            target=_tracer,
            args=(self.arguments, {**os.environ, **self._environment}, str(self._log), self._sabotage, self._enter),
            name="tracer " + " ".join(self.arguments),
        )
        self._process.start()
        return self

    @property
    def pid(self) -> int:
        if self._process is None or self._process.pid is None:
            raise RuntimeError("not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def kill(self) -> None:
        """SIGKILL to it and to whatever it started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.kill()  # it may not have made its session yet
            self._process.join()
            self._process = None

    def stop(self, patience_s: float = 20) -> int:
        """SIGTERM, and its exit code."""
        process = self._process
        if process is None:
            raise RuntimeError("not started")
        process.terminate()
        process.join(patience_s)
        code = process.exitcode
        self.kill()
        if code is None:
            raise AssertionError(f"{process.name} did not stop within {patience_s} s of SIGTERM")
        return code

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
