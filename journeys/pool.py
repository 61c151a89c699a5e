"""Where a probe walks its journeys: child processes, each with a warm browser, one journey at a time each.

A child that does not end a journey by its deadline and KILL_AFTER_S is killed with all that it started. Children are
replaced after so many journeys, so much time, or so much memory, between two journeys. Messages are JSON lines:

    to the child    Order
    from the child  {"step": StepResult} for each step as it ends, then {"outcome": Outcome}
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from journeys.descendants import (
    adopt_orphans,
    kill_tree,
    memory_of_tree,
    processes_at_home,
    reap,
    reap_orphans,
    still_there,
)
from journeys.messages import Order
from journeys.scratch import new_scratch, remove_scratch
from model.errors import ErrorCode
from model.evidence import StepResult
from model.outcome import Outcome, RunError, RunStatus
from model.protocol import RunOverrides

KILL_AFTER_S = 5.0
"""After its deadline a journey has so long to end by itself, and to hand in what shows where it stood."""
MOST_JOURNEYS = 100
OLDEST_S = 3_600.0
LARGEST_BYTES = 1_500 * 1024 * 1024
_MEMORY_EACH = 700 * 1024 * 1024
_LINE_BYTES = 4 * 1024 * 1024
_QUIT_S = 3.0
_LOOKS, _LOOK_S = 50, 0.02
_log = structlog.get_logger(__name__)


class Said(msgspec.Struct):
    """One line of a child."""

    step: StepResult | None = None
    outcome: Outcome | None = None


def slots_of_this_machine() -> int:
    """How many journeys this machine can walk at once: one a core, as far as its memory goes, and one at least."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return max(1, min(len(os.sched_getaffinity(0)), memory // _MEMORY_EACH))


class BrowserPool:
    """Of one probe and event loop."""

    def __init__(
        self,
        home: Path,
        slots: int,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "journeys.child"),
    ) -> None:
        """`home`: a folder of this probe's own; every process started for it is known by it. What an earlier process
        left running there is killed. `environment`: beside this process's own."""
        self.slots = slots
        self._home = home
        self._command = command
        self._evidence = home.parent / "evidence"
        self._environment = {**os.environ, **(environment or {})}
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._starting: set[asyncio.Task[_Child]] = set()
        self._pids: set[int] = set()
        for folder in (self._home, self._evidence):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        adopt_orphans()
        left = processes_at_home(home)
        if left:
            _log.warning("browsers.left_behind", processes=len(left))
            kill_tree(left)
        remove_scratch(home)
        self._scratch: Path | None = None

    async def walk(
        self,
        definition: bytes,
        run_id: str,
        timeout_s: float,
        overrides: RunOverrides | None = None,
        on_step: Callable[[StepResult], None] | None = None,
    ) -> Outcome:
        """Walk a journey. `timeout_s`: from now; the answer is here KILL_AFTER_S later at the latest, and with it no
        process of a journey that hangs."""
        order = Order(run_id, msgspec.Raw(definition), str(self._evidence), timeout_s, overrides)
        child = self._idle.pop() if self._idle else await self._start()
        self._busy.add(child)
        kept = False
        try:
            async with asyncio.timeout(timeout_s + KILL_AFTER_S):
                outcome = await child.walk(order, on_step)
            kept = child.worn is None and not _has_crashed(outcome)
        except TimeoutError:
            return _crashed(f"the browser did not answer {KILL_AFTER_S:g} s after the journey's time was up")
        except (EOFError, OSError, msgspec.DecodeError) as error:
            return _crashed(f"the browser's process ended in the middle of the journey ({_reason(error)})")
        else:
            return outcome
        finally:
            self._busy.discard(child)
            if kept:
                self._idle.append(child)
            else:
                await self._end(child)

    async def close(self) -> None:
        """End every child, and all that they started."""
        started = await asyncio.gather(*self._starting, return_exceptions=True)
        children = {*self._idle, *self._busy, *(child for child in started if isinstance(child, _Child))}
        self._idle, self._busy = [], set()
        await asyncio.gather(*(self._end(child) for child in children))
        await _end_all(processes_at_home(self._home))
        remove_scratch(self._home)
        self._scratch = None

    async def _end(self, child: _Child) -> None:
        await child.end(at_once=child.walking)
        self._pids.discard(child.pid)
        reap_orphans(besides=self._pids)

    async def _start(self) -> _Child:
        # A start that is cancelled half way never ends (Python 3.11): it goes on, and its child is ended by close().
        starting = asyncio.ensure_future(self._started())
        self._starting.add(starting)
        child = await asyncio.shield(starting)
        self._starting.discard(starting)
        return child

    async def _started(self) -> _Child:
        if self._scratch is None or not self._scratch.is_dir():
            self._scratch = new_scratch(self._home)
        scratch = Path(tempfile.mkdtemp(dir=self._scratch))
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE_BYTES,
            env={**self._environment, "TMPDIR": str(scratch), "TRACER_JOURNEYS_HOME": str(self._home)},
            start_new_session=True,
        )  # fmt: skip
        self._pids.add(process.pid)
        return _Child(process, scratch)


class _Child:
    """One process. `scratch`: its temporary files, gone with it; `worn`: why it is not to be used again; `walking`: it
    has a journey that it has not ended."""

    def __init__(self, process: asyncio.subprocess.Process, scratch: Path) -> None:
        self._process = process
        self._scratch = scratch
        self.pid = process.pid
        self._journeys = 0
        self._since = time.monotonic()
        self.walking = False

    @property
    def worn(self) -> str | None:
        if self._process.returncode is not None:
            return "it has ended"
        if self._journeys >= MOST_JOURNEYS:
            return f"it has walked {self._journeys} journeys"
        if time.monotonic() - self._since > OLDEST_S:
            return "it is an hour old"
        memory = memory_of_tree(self._process.pid)
        return f"it holds {memory >> 20} MiB" if memory > LARGEST_BYTES else None

    async def walk(self, order: Order, on_step: Callable[[StepResult], None] | None) -> Outcome:
        """Raises EOFError when the process ends, OSError, DecodeError when it says something else."""
        if self._process.stdin is None or self._process.stdout is None:
            raise EOFError("it has no pipes")
        self.walking = True
        self._journeys += 1
        self._process.stdin.write(_encode(order) + b"\n")
        await self._process.stdin.drain()
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError as error:
                raise EOFError("it said more than a line can hold") from error
            if not line:
                raise EOFError("end of its output")
            said = _said(line)
            if said.step is not None and on_step is not None:
                on_step(said.step)
            if said.outcome is not None:
                self.walking = False
                return said.outcome

    async def end(self, *, at_once: bool) -> None:
        """Close its input, which is its sign to close the browser; kill what is left, or all of it at once."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if not at_once:
            try:
                async with asyncio.timeout(_QUIT_S):
                    await self._process.wait()
            except TimeoutError:
                at_once = True
        await _end_all([self._process.pid])
        await self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)


async def _end_all(roots: Iterable[int]) -> None:
    """Kill these with all that they have started, and wait until the last is gone."""
    left = kill_tree(roots)
    for _ in range(_LOOKS):
        reap(left)
        left = still_there(left)
        if not left:
            return
        await asyncio.sleep(_LOOK_S)


_encode = msgspec.json.Encoder().encode
_said = msgspec.json.Decoder(Said).decode


def _crashed(message: str) -> Outcome:
    return Outcome(RunStatus.UNKNOWN, error=RunError(ErrorCode.BROWSER_CRASHED, message))


def _has_crashed(outcome: Outcome) -> bool:
    return outcome.error is not None and outcome.error.code == ErrorCode.BROWSER_CRASHED


def _reason(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
