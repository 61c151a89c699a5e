"""Results on disk until the API has them (R10): append-only files of JSON lines, mode 0600, one fsync a group.

All file work is on a thread of its own, so a slow disk never makes a timer late. The queue itself is in memory; the
files are its shadow for the next process. A result leaves its file's count when acknowledged: an empty current file
is truncated, an empty older one removed. A process killed at any instant leaves at most a torn last line, which is
ignored, and some results the API already has, which it knows.

Bounded: with more than FULL_BYTES waiting, the probe takes no new work (`full`), and what it holds already is finished
and kept. Nothing is ever dropped. On a full or broken disk results wait in memory and are written when it is well.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from model.protocol import Result
from probes.segments import Entry, Segments

FULL_BYTES = 16 * 1024 * 1024
GROUP_S = 0.01
"""Results are written together so often: a SIGKILL loses what ended within it, and that is run again."""
SYNC_S = 0.1
"""What was written is synced so often: a sync costs as much CPU as a check, and most results are acknowledged first."""
_RETRY_S = 1.0
_FORMER_INSTANCES = 100
_log = structlog.get_logger(__name__)


class SpoolBusyError(Exception):
    """Another probe holds this directory; the text is for people."""


class Spool:
    """The queue of results not yet acknowledged. Methods are for the loop's thread; `close` may block."""

    def __init__(self, directory: Path, instance: str) -> None:
        """Takes the directory for itself and reads what an earlier process left. Raises SpoolBusyError, OSError."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _lock(directory)
        self._instances = directory / "instances"
        self._instance = instance
        self.former_instances = _former(self._instances)
        self._segments = Segments(directory)
        self.waiting: deque[Entry] = deque(self._segments.load())
        self.earlier = len(self.waiting)
        self.bytes = sum(len(entry.line) for entry in self.waiting)
        self._ungrouped: list[Entry] = []
        self._commands: queue.SimpleQueue[tuple[str, Sequence[Entry], Callable[[], object] | None]] = (
            queue.SimpleQueue()
        )
        self._remember_instances()
        self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether so much waits that no new work should be taken."""
        return self.bytes > FULL_BYTES

    def add(self, result: Result, line: bytes) -> Entry:
        """Queue a result, `line` being its (scrubbed) JSON; in the file within GROUP_S, on disk within SYNC_S."""
        entry = Entry(line, result.run_id, result.dispatch_id, result.token, result.artifacts)
        self.waiting.append(entry)
        self.bytes += len(line)
        if not self._ungrouped:
            asyncio.get_running_loop().call_later(GROUP_S, self._hand_over)
        self._ungrouped.append(entry)
        return entry

    def acknowledged(self, count: int) -> list[Entry]:
        """The API has the oldest `count`: they leave the queue and, in time, the disk. Returns them."""
        self._hand_over()
        done = [self.waiting.popleft() for _ in range(count)]
        self.bytes -= sum(len(entry.line) for entry in done)
        self.earlier = max(0, self.earlier - count)
        self._commands.put(("acknowledged", done, None))
        return done

    def shorten(self, entry: Entry, line: bytes) -> None:
        """A result that was too much for the API waits on as this shorter line (its file keeps the long one)."""
        self.bytes += len(line) - len(entry.line)
        entry.line = line

    def replaced(self, instance: str) -> None:
        """The API has ended the leases of a former instance: it need not be named again."""
        self.former_instances = [former for former in self.former_instances if former != instance]
        self._commands.put(("instances", (), self._remember_instances))

    async def flush(self) -> None:
        """Returns when everything queued so far is on disk (or in memory still, if the disk refuses it)."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._hand_over()
        self._commands.put(("flush", (), lambda: loop.call_soon_threadsafe(_resolve, done)))
        await done

    def close(self, *, finished: bool = False) -> None:
        """Write what is queued and let go of the directory. `finished`: this instance ended in order and holds
        nothing, so that the next process need not replace it."""
        self._hand_over()
        self._commands.put(("stop", (), None))
        self._thread.join()
        if finished:
            self._instance = ""
            self._remember_instances()
        os.close(self._lock)

    def _hand_over(self) -> None:
        if self._ungrouped:
            self._commands.put(("append", self._ungrouped, None))
            self._ungrouped = []

    def _work(self) -> None:
        """The thread: commands in order; appends that the disk refused are tried again every second."""
        sync_at = 0.0
        while True:
            now = time.monotonic()
            if self._segments.unsynced:
                sync_at = sync_at or now + SYNC_S
                if now >= sync_at:
                    self._segments.sync()
            if not self._segments.unsynced:
                sync_at = 0.0
            retry_s = _RETRY_S if self._segments.refused else None
            try:
                kind, entries, then = self._commands.get(timeout=max(0.0, sync_at - now) if sync_at else retry_s)
            except queue.Empty:
                if self._segments.refused and not self._segments.unsynced:
                    self._segments.append(())
                continue
            if kind == "append":
                self._segments.append(entries)
            elif kind == "flush":
                self._segments.sync()
            elif kind == "acknowledged":
                self._segments.acknowledged(entries)
            elif kind == "stop":
                self._segments.close()
                return
            if then is not None:
                then()

    def _remember_instances(self) -> None:
        """Which instances may still hold leases, should this process be killed: this one and those not replaced."""
        alive = [*self.former_instances[-_FORMER_INSTANCES:], *filter(None, [self._instance])]
        fresh = self._instances.with_suffix(".new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, msgspec.json.encode(alive))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            fresh.replace(self._instances)
        except OSError as error:
            _log.warning("spool.instances_not_written", reason=str(error))


def _resolve(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _lock(directory: Path) -> int:
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SpoolBusyError(
            f"Another probe is using {directory}. Give each probe on this machine a TRACER_DATA_DIR of its own."
        ) from None
    return descriptor


def _former(path: Path) -> list[str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("spool.instances_unreadable", reason=str(error))
        return []
