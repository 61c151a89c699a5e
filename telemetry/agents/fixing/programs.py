"""Programs that are run for a fix: with limits of time and output, and killed with all of their process group.

They get the environment that they are given and nothing of ours, no open file but their three pipes, and a folder.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

MOST_MEMORY = 2 << 30
MOST_FILE = 512 << 20
_MOST_COMPLAINT = 2_000
_CHUNK = 65_536
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

    async def run(self, program: Program) -> Ended:
        """ProgramError."""
        if self.stopped:
            raise ProgramError("was not started: the server stops")
        try:
            child = await asyncio.create_subprocess_exec(
                *program.words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, env=dict(program.environment), cwd=program.folder,
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise ProgramError(f"can't be started: {getattr(error, 'strerror', None) or error}") from None
        pipes = _Pipes(child, program.most)
        reading = [asyncio.ensure_future(each) for each in (pipes.give(program.given), pipes.listen(), pipes.hear())]
        try:
            self._note(child.pid)
            if program.bounded:
                _bound(child.pid)
            async with asyncio.timeout(program.timeout_s):
                await pipes.ended()
        except TimeoutError:
            raise ProgramError(f"did not end within {program.timeout_s:g} s, and was killed") from None
        finally:
            _kill(child.pid)
            await child.wait()
            with self._lock:
                self._groups.discard(child.pid)
            await asyncio.wait(reading, timeout=_LET_GO_S)
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
        if pipes.flooded.is_set():
            raise ProgramError(f"said more than {program.most // 1024} KiB, and was killed")
        return Ended(child.returncode or 0, bytes(pipes.said), pipes.complaint.decode(errors="replace"))

    def _note(self, group: int) -> None:
        with self._lock:
            self._groups.add(group)
            late = self.stopped
        if late:
            _kill(group)


class _Pipes:
    """What a child is given and what it says, as far as it counts."""

    def __init__(self, child: asyncio.subprocess.Process, most: int) -> None:
        self._child = child
        self._most = most
        self.said = bytearray()
        self.complaint = bytearray()
        self.flooded = asyncio.Event()

    async def ended(self) -> None:
        """It has ended, or said too much."""
        waiting = [asyncio.ensure_future(self._child.wait()), asyncio.ensure_future(self.flooded.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def give(self, given: bytes) -> None:
        pipe = self._child.stdin
        if pipe is None:
            return
        with suppress(ConnectionError):  # who does not read it does without
            pipe.write(given)
            await pipe.drain()
        pipe.close()

    async def listen(self) -> None:
        pipe = self._child.stdout
        while pipe is not None and (data := await pipe.read(_CHUNK)):
            self.said += data
            if len(self.said) > self._most:
                self.flooded.set()
                return

    async def hear(self) -> None:
        """To its end, or the child would wait; the last of it is kept."""
        pipe = self._child.stderr
        while pipe is not None and (data := await pipe.read(_CHUNK)):
            self.complaint += data
            del self.complaint[:-_MOST_COMPLAINT]


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
