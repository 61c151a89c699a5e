"""Programs that are run for a fix: with limits of time and output, and killed with all of their process group.

They get the environment that they are given and nothing of ours, no open file but their three pipes, and a folder.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

import msgspec

MOST_MEMORY = 2 << 30
MOST_FILE = 512 << 20
_MOST_COMPLAINT = 2_000
_CHUNK = 65_536
_LOOKED_S = 0.02
"""How often it is looked whether it has ended."""
_LET_GO_S = 2.0
"""How long what it said may still be read once it has ended: somebody who has left its group may hold the pipe open."""


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
    """`code`: 0 where all went well, negative for a signal. `complaint`: the last of its standard error."""

    code: int
    said: bytes
    complaint: str


class Programs:
    """Threads may share it. After `stop` nothing of it runs any more, and nothing is started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self.stopped = False

    def stop(self) -> None:
        with self._lock:
            self.stopped = True
            groups = list(self._groups)
        for group in groups:
            _kill(group)

    def run(self, program: Program) -> Ended:
        """ProgramError."""
        try:
            child = subprocess.Popen(  # noqa: S603 - the operator's own command, or git
                program.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=dict(program.environment), cwd=program.folder, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise ProgramError(f"can't be started: {getattr(error, 'strerror', None) or error}") from None
        with child, _Pipes(child, program) as pipes:
            try:
                self._note(child.pid)
                if program.bounded:
                    _bound(child.pid)
                in_time = pipes.carry(time.monotonic() + program.timeout_s)
            finally:
                _kill(child.pid)
                child.wait()
                with self._lock:
                    self._groups.discard(child.pid)
            pipes.carry(time.monotonic() + _LET_GO_S)
        if pipes.flooded:
            raise ProgramError(f"said more than {program.most // 1024} KiB, and was killed")
        if not in_time:
            raise ProgramError(f"did not end within {program.timeout_s:g} s, and was killed")
        return Ended(child.returncode, bytes(pipes.said), pipes.complaint.decode(errors="replace"))

    def _note(self, group: int) -> None:
        with self._lock:
            self._groups.add(group)
            late = self.stopped
        if late:
            _kill(group)


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
                for key, _ in self._selector.select(_LOOKED_S):
                    key.data(key.fileobj)
            else:
                time.sleep(_LOOKED_S)
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


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _bound(pid: int) -> None:
    """What it starts is bound by the same (prlimit(2); elsewhere than on Linux time alone bounds it)."""
    if hasattr(resource, "prlimit"):
        with suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (MOST_FILE, MOST_FILE))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
