"""The processes `tracer up` keeps alive: restarted with backoff when they die, stopped in order, never left behind.

A child holds the reading end of a pipe whose writing end only the parent has. When the parent is gone, even by
SIGKILL, the pipe ends and the child stops itself (`die_with_parent`): no process outlives `tracer up`.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from typing import IO

import structlog

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_SETTLED_AFTER_S = 30.0
"""A child that lived this long starts again at once when it dies: the backoff is for crash loops."""
_PARENT_PIPE = "TRACER_PARENT_PIPE"
WIND_DOWN = signal.SIGUSR1
"""What a server is told before its probe is stopped: dispatch nothing more."""
_log = structlog.get_logger(__name__)


class Child:
    """One kind of process: `python -m cli.main <arguments>`, in a session of its own so that Ctrl-C reaches only us."""

    def __init__(
        self, name: str, arguments: list[str], environment: Mapping[str, str], final: Collection[int] = ()
    ) -> None:
        """`final`: exit codes after which it is not started again; it has said why itself."""
        self.name = name
        self._final = final
        self._arguments = arguments
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self._started_at = 0.0
        self._failures = 0
        self._start_at = 0.0
        self.said: queue.SimpleQueue[str] = queue.SimpleQueue()
        """The lines the child wrote to its standard output, across restarts."""

    def start(self) -> None:
        reading, self._pipe = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "cli.main", *self._arguments],
            env={**os.environ, **self._environment, _PARENT_PIPE: str(reading)},
            pass_fds=(reading,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(reading)
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        self._started_at = time.monotonic()

    def keep_alive(self) -> int | None:
        """Start it again if it is gone and its pause is over. Returns the exit code of a death seen just now."""
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self.start()
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._forget()
        if code in self._final:
            return code
        lived = time.monotonic() - self._started_at
        self._failures = 0 if lived > _SETTLED_AFTER_S else self._failures + 1
        pause = 0.0 if self._failures == 0 else _BACKOFF_S[min(self._failures, len(_BACKOFF_S)) - 1]
        self._start_at = time.monotonic() + pause
        _log.error("child.died", child=self.name, exit_code=code, lived_s=round(lived, 1), restart_in_s=pause)
        return code

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self, patience_s: float) -> None:
        """SIGTERM, then SIGKILL for its whole group when the patience is over."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                _log.warning("child.killed", child=self.name, after_s=patience_s)
        self.kill()

    def kill(self) -> None:
        """At once, with whatever it started."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                _log.debug("child.gone", child=self.name)
            self._process.wait()
            self._forget()

    def _listen(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self.said.put(line.decode(errors="replace").rstrip())

    def _forget(self) -> None:
        self._process = None
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def die_with_parent() -> None:
    """In a child: stop as by SIGTERM when the parent is gone, and for good ten seconds later."""
    number = os.environ.pop(_PARENT_PIPE, None)
    if number is None:
        return

    def watch() -> None:
        os.read(int(number), 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
