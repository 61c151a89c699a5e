"""Programs that are run for a fix: with limits of time and output, and killed with all that they started.

Each runs under a process of its own that watches it (supervising.py), so that nothing of it outlives its end, its time
or this process, however this one ends. It gets the environment that it is given and nothing of ours, no open file but
its three pipes, and a folder.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from telemetry.agents.fixing import supervising
from telemetry.agents.fixing.supervising import LOOKED_S

MOST_MEMORY = 2 << 30
MOST_FILE = 512 << 20
_BOUNDS = {"RLIMIT_AS": MOST_MEMORY, "RLIMIT_FSIZE": MOST_FILE, "RLIMIT_CORE": 0}
_MOST_COMPLAINT = 2_000
_CHUNK = 65_536
_LET_GO_S = 2.0
"""How long what it said may still be read once it has ended."""
_LATER_S = 1.0
"""Who watches it ends it so long after we would have: then we are stuck."""
_KILLS_S = 10.0
"""How long who watches it may take to kill it."""


class ProgramError(Exception):
    """It did not end by itself: the text is the end of a sentence about it."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What is run. `most`: bytes that it may say. `bounded`: in memory and in the size of files."""

    words: Sequence[str]
    folder: Path
    timeout_s: float
    environment: Mapping[str, str] = {}
    given: bytes = b""
    most: int = 1 << 20
    bounded: bool = False


class Ended(msgspec.Struct, frozen=True):
    """`code`: 0 where all went well, 128 and its number for a signal. `complaint`: the last of its standard error."""

    code: int
    said: bytes
    complaint: str


class Programs:
    """Threads may share it. After `stop` nothing of it runs any more, and nothing is started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: set[socket.socket] = set()
        self._scratch: set[str] = set()
        self.stopped = False

    def stop(self) -> None:
        with self._lock:
            self.stopped = True
            lines = list(self._lines)
        for line in lines:
            _let_go(line)

    @contextmanager
    def scratch(self, prefix: str) -> Iterator[Path]:
        """A folder for programs, gone at the end of the block; where this process is killed while one runs, too."""
        with tempfile.TemporaryDirectory(prefix=prefix) as made:
            with self._lock:
                self._scratch.add(made)
            try:
                yield Path(made)
            finally:
                with self._lock:
                    self._scratch.discard(made)

    def run(self, program: Program) -> Ended:
        """ProgramError."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                child = _watcher(theirs)
            with child, _Pipes(child, program) as pipes:
                try:
                    self._begin(ours, program)
                    in_time = pipes.carry(time.monotonic() + program.timeout_s)
                finally:
                    with self._lock:
                        self._lines.discard(ours)
                    ended = child.poll() is not None
                    _let_go(ours)
                    _wait(child)
                pipes.carry(time.monotonic() + _LET_GO_S)
            complaint = _heard(ours) if ended else ""
        if complaint:
            raise ProgramError(f"can't be started: {complaint}")
        if pipes.flooded:
            raise ProgramError(f"said more than {program.most // 1024} KiB, and was killed")
        if not in_time:
            raise ProgramError(f"did not end within {program.timeout_s:g} s, and was killed")
        return Ended(child.returncode, bytes(pipes.said), pipes.complaint.decode(errors="replace"))

    def _begin(self, line: socket.socket, program: Program) -> None:
        with self._lock:
            self._lines.add(line)
            late, scratch = self.stopped, sorted(self._scratch)
        asked = {
            "words": list(program.words), "environment": dict(program.environment), "folder": str(program.folder),
            "limit_s": program.timeout_s + _LATER_S, "limits": _BOUNDS if program.bounded else {}, "scratch": scratch,
        }  # fmt: skip
        with suppress(OSError):  # it is gone: that is seen where it is waited for
            line.sendall(msgspec.json.encode(asked) + b"\n")
        if late:
            _let_go(line)


def _watcher(line: socket.socket) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-I", "-S", supervising.__file__, str(line.fileno())]
    return subprocess.Popen(  # noqa: S603 - this Python, with a file of ours
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={}, cwd="/",
        start_new_session=True, pass_fds=(line.fileno(),),
    )  # fmt: skip


def _let_go(line: socket.socket) -> None:
    """Who watches kills what it watches."""
    with suppress(OSError):
        line.send(b"x")


def _wait(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(_KILLS_S)
    except subprocess.TimeoutExpired:  # the program dies with it; what that started may not
        child.kill()
        child.wait()


def _heard(line: socket.socket) -> str:
    """Why it can't be started; "" where it was."""
    line.setblocking(False)
    with suppress(OSError):
        return line.recv(1_000).decode(errors="replace")
    return ""


class _Pipes:
    """What a child is given and what it says, as far as it counts: never more is read than is kept, and no thread
    waits for a pipe."""

    def __init__(self, child: subprocess.Popen[bytes], program: Program) -> None:
        self._child = child
        self._most = program.most
        self._left = memoryview(program.given)
        self._selector = selectors.DefaultSelector()
        self.said = bytearray()
        self.complaint = bytearray()
        self.flooded = False

    def __enter__(self) -> Self:
        for pipe, kind, act in (
            (self._child.stdin, selectors.EVENT_WRITE, self._give),
            (self._child.stdout, selectors.EVENT_READ, self._listen),
            (self._child.stderr, selectors.EVENT_READ, self._hear),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, kind, act)
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._selector.get_map().values()):
            self._close(key.fileobj)
        self._selector.close()

    def carry(self, deadline_s: float) -> bool:
        """Until the child has ended, or has said too much; False where that takes too long. Once it has ended: until
        all that was said is read."""
        ended = self._child.poll() is not None
        while self._selector.get_map() if ended else self._child.poll() is None:
            if self.flooded:
                return True
            if time.monotonic() >= deadline_s:
                return False
            if self._selector.get_map():
                for key, _ in self._selector.select(LOOKED_S):
                    key.data(key.fileobj)
            else:
                time.sleep(LOOKED_S)
        return True

    def _give(self, pipe: IO[bytes]) -> None:
        try:
            self._left = self._left[os.write(pipe.fileno(), self._left[:_CHUNK]) :] if self._left else self._left
        except BlockingIOError:
            return
        except OSError:  # who does not read it does without
            self._left = memoryview(b"")
        if not self._left:
            self._close(pipe)

    def _listen(self, pipe: IO[bytes]) -> None:
        data = os.read(pipe.fileno(), _CHUNK)
        self.said += data
        self.flooded = len(self.said) > self._most
        if not data or self.flooded:
            self._close(pipe)

    def _hear(self, pipe: IO[bytes]) -> None:
        """To its end, or the child would wait; the last of it is kept."""
        data = os.read(pipe.fileno(), _CHUNK)
        self.complaint += data
        del self.complaint[:-_MOST_COMPLAINT]
        if not data:
            self._close(pipe)

    def _close(self, pipe: Any) -> None:
        self._selector.unregister(pipe)
        pipe.close()
