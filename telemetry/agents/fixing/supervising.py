"""A process between Tracer and a program that it runs: nothing of the program outlives its end, its time, or Tracer.

    python -I -S supervising.py FD

FD is a socket to Tracer. On it comes one line of JSON: {words, environment, folder, limit_s, limits, scratch}; the
program gets this process's standard input, output and error. It is over when the program ends, when its time is over,
when Tracer says anything more, and when the other end of the socket is closed, as it is when Tracer is killed. Then
every process that descends from it is killed, also one with a session of its own: this process adopts what loses its
parent (prctl(2)), so none is out of sight. The exit code is the program's, 128 and the number of a signal; why it can't
be started is said on the socket. Where Tracer is gone, `scratch` is removed.

It stands alone, on Python's own library: it starts for each program, and imports nothing that takes time. Elsewhere
than on Linux only the program's group is killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

LOOKED_S = 0.02
"""How often it is looked whether it has ended."""
_DYING_S = 0.005
_LET_DIE_S = 5.0
"""A killed process that hangs in a device is not waited for any longer."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_NOT_STARTED = 127
_PROC = Path("/proc")


def main(fd: int) -> int:
    """The exit code."""
    tracer = socket.socket(fileno=fd)
    asked = json.loads(_line(tracer))
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for name, most in asked["limits"].items():
        with suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (most, most))
    ends_at = time.monotonic() + asked["limit_s"]
    try:
        program = subprocess.Popen(  # noqa: S603 - what Tracer was set up with, or git
            asked["words"], env=asked["environment"], cwd=asked["folder"], start_new_session=True,
            preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        with suppress(OSError):
            tracer.sendall(str(getattr(error, "strerror", None) or error).encode(errors="replace"))
        return _NOT_STARTED
    _let_go_of_pipes()
    status, alone = _watched(program.pid, tracer, ends_at)
    _end_all(program.pid)
    if alone:
        for folder in asked["scratch"]:
            shutil.rmtree(folder, ignore_errors=True)
    return 128 + signal.SIGKILL if status is None else _code(status)


def _line(tracer: socket.socket) -> bytes:
    heard = b""
    while not heard.endswith(b"\n"):
        some = tracer.recv(65_536)
        if not some:
            raise SystemExit(_NOT_STARTED)
        heard += some
    return heard


def _let_go_of_pipes() -> None:
    """The program's are its own from now on: whoever reads them sees when it closes them."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)


def _watched(pid: int, tracer: socket.socket, ends_at: float) -> tuple[int | None, bool]:
    """(how it ended, None where it is to be killed; whether Tracer is gone)."""
    while True:
        status = _reaped(pid)
        if status is not None:
            return status, False
        if time.monotonic() >= ends_at:
            return None, False
        readable, _, _ = select.select([tracer], [], [], LOOKED_S)
        if readable:
            return None, _is_gone(tracer)


def _is_gone(tracer: socket.socket) -> bool:
    try:
        return not tracer.recv(1)
    except OSError:
        return True


def _reaped(wanted: int) -> int | None:
    """Takes note of all that have ended; how the wanted one did, if it did."""
    found: int | None = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == wanted:
                found = status
            if not pid:
                break
    return found


def _end_all(group: int) -> None:
    """Until nothing descends from this process any more."""
    ends_at = time.monotonic() + _LET_DIE_S
    while time.monotonic() < ends_at:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        left = _descendants(os.getpid())
        for number in (signal.SIGSTOP, signal.SIGKILL):  # first all are stopped, so that none starts another unseen
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            time.sleep(_DYING_S)


def _descendants(root: int) -> list[int]:
    """By /proc; none where there is no such thing."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # The name, in parentheses, may hold anything; the parent is the second field after it.
                parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _code(status: int) -> int:
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _prctl(option: int, value: Any) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(option, int(value), 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
