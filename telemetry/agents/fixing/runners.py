"""Who proposes a fix: a program of the operator's, which is told of an incident and answers a plan and a diff.

What it says is judged by others (diffs.py, applying.py). It gets nothing of ours but what stands on its standard input:
no environment, no open files, an empty folder to work in, no shell.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Protocol

import msgspec
import structlog

MOST_OUTPUT = 1024 * 1024
"""Bytes of its answer; a program that says more is ended."""
_MOST_LOGGED = 2_000
_CHUNK = 65_536
_LET_GO_S = 2.0
"""How long what it said may still be read once it has ended: somebody else may hold the pipe open."""
_log = structlog.get_logger(__name__)


class Proposal(msgspec.Struct, frozen=True):
    """`plan`: what to do, one thing after the other. `diff`: unified, as git makes them."""

    plan: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]], msgspec.Meta(min_length=1, max_length=50)
    ]
    diff: str | None


class RunnerError(Exception):
    """There is no proposal: the text is the end of a sentence that begins with "the command"."""


class FixAgentRunner(Protocol):
    """Whatever makes proposals of incidents."""

    def propose(self, incident: dict[str, Any]) -> Proposal:
        """Takes as long as it takes. RunnerError."""


class CommandRunner:
    """`words`: a program and its arguments. Threads may share it; `stop` ends what it has started."""

    def __init__(self, words: Sequence[str], timeout_s: float) -> None:
        self._words = list(words)
        self._timeout_s = timeout_s

    def propose(self, incident: dict[str, Any]) -> Proposal:
        with tempfile.TemporaryDirectory(prefix="tracer-fix-") as folder:
            said = asyncio.run(self._run(msgspec.json.encode(incident), folder))
        try:
            return msgspec.json.decode(said, type=Proposal)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RunnerError(f"did not answer {{plan, diff}} as JSON: {error}"[:300]) from None

    async def _run(self, asked: bytes, folder: str) -> bytes:
        """What it writes to its standard output. RunnerError."""
        try:
            child = await asyncio.create_subprocess_exec(
                *self._words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, env={}, cwd=folder, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise RunnerError(f"can't be started: {error.strerror or 'it is no program'}") from None
        told = _Told(child)
        reading = [asyncio.ensure_future(each) for each in (told.give(asked), told.listen(), told.complain())]
        try:
            async with asyncio.timeout(self._timeout_s):
                ended, flood = asyncio.ensure_future(child.wait()), asyncio.ensure_future(told.flooded.wait())
                await asyncio.wait((ended, flood), return_when=asyncio.FIRST_COMPLETED)
                flood.cancel()
        except TimeoutError:
            raise RunnerError(f"did not end within {self._timeout_s:g} s, and was killed") from None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
            await asyncio.wait(reading, timeout=_LET_GO_S)
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
            if told.complaint:
                _log.info("fix.command_said", stderr=told.complaint.decode(errors="replace")[-_MOST_LOGGED:])
        if told.flooded.is_set():
            raise RunnerError(f"answered more than {MOST_OUTPUT // 1024} KiB, and was killed")
        if child.returncode:
            raise RunnerError(f"ended with the exit code {child.returncode}")
        return bytes(told.said)


class _Told:
    """What a child is given and what it says, as far as it counts."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self.said = bytearray()
        self.complaint = bytearray()
        self.flooded = asyncio.Event()

    async def give(self, asked: bytes) -> None:
        pipe = self._child.stdin
        if pipe is None:
            return
        with suppress(ConnectionError):  # who does not read it may do without
            pipe.write(asked)
            await pipe.drain()
        pipe.close()

    async def listen(self) -> None:
        pipe = self._child.stdout
        while pipe is not None and (data := await pipe.read(_CHUNK)):
            self.said += data
            if len(self.said) > MOST_OUTPUT:
                self.flooded.set()
                return

    async def complain(self) -> None:
        """Read to its end, or the child would wait; only the last of it is kept."""
        pipe = self._child.stderr
        while pipe is not None and (data := await pipe.read(_CHUNK)):
            self.complaint += data
            del self.complaint[:-_MOST_LOGGED]
