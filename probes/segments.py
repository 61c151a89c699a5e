"""The files under the spool: appended, synced, counted down and removed. Used by the spool's thread only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from model.evidence import Evidence
from model.protocol import Result

SEGMENT_BYTES = 1024 * 1024
"""A file of this size is followed by a new one, so acknowledged results leave the disk under constant load too."""
_log = structlog.get_logger(__name__)


class Entry:
    """One result waiting: its JSON `line`, whose it is, the files that it names (by sha256), and the `segment` it is
    counted in (None: not on disk)."""

    __slots__ = ("acknowledged", "dispatch_id", "evidence", "line", "run_id", "segment", "token")

    def __init__(
        self, line: bytes, run_id: str, dispatch_id: str, token: int, evidence: Sequence[Evidence] = ()
    ) -> None:
        self.line = line
        self.run_id = run_id
        self.dispatch_id = dispatch_id
        self.token = token
        self.evidence = evidence
        self.segment: _Segment | None = None
        self.acknowledged = False


class _Segment:
    __slots__ = ("descriptor", "live", "path", "size", "synced")

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self.descriptor = descriptor
        self.live = 0
        self.size = 0
        self.synced = 0


class Segments:
    """`refused`: results that the disk would not take, kept in order for the next try. `unsynced`: written, so that
    they outlive this process, but not yet synced, so not a fall of the machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._current: _Segment | None = None
        self._number = 0
        self.refused: list[Entry] = []
        self.unsynced: list[Entry] = []

    def load(self) -> list[Entry]:
        """What earlier processes left, oldest first, each result once."""
        entries: dict[tuple[str, str, int], Entry] = {}
        for path in sorted(self._directory.glob("results-*.jsonl")):
            segment = _Segment(path, None)
            self._number = max(self._number, _number_of(path))
            for entry in _read(path):
                if entries.setdefault((entry.run_id, entry.dispatch_id, entry.token), entry) is entry:
                    entry.segment = segment
                    segment.live += 1
            if segment.live == 0:
                self._remove(segment)
        return list(entries.values())

    def append(self, entries: Sequence[Entry]) -> None:
        """Write a group, after those refused before it; `sync` is still to come. What the disk refuses stays in
        `refused`."""
        group = [entry for entry in (*self.refused, *entries) if not entry.acknowledged]
        if not group:
            self.refused = []
            return
        try:
            segment = self._open()
            self._write(segment, b"".join(entry.line + b"\n" for entry in group))
        except OSError as error:
            self._keep(group, error)
            return
        if self.refused:
            _log.info("spool.disk_takes_again", written=len(group))
            self.refused = []
        for entry in group:
            entry.segment = segment
        segment.live += len(group)
        self.unsynced += group

    def sync(self) -> None:
        """Put on disk what was written since the last time; what the API has acknowledged meanwhile needs none. What
        the disk refuses goes to `refused`."""
        segment = self._current
        group = [entry for entry in self.unsynced if not entry.acknowledged]
        self.unsynced = []
        if not group or segment is None or segment.descriptor is None:
            return
        try:
            os.fdatasync(segment.descriptor)
            segment.synced = segment.size
        except OSError as error:
            self._cut(segment, segment.descriptor, segment.synced)
            for entry in group:
                entry.segment = None
            segment.live -= len(group)
            self._keep(group, error)

    def _keep(self, group: list[Entry], error: OSError) -> None:
        if not self.refused:
            _log.error("spool.disk_refuses", reason=str(error), kept_in_memory=len(group))
        self.refused = group

    def acknowledged(self, entries: Sequence[Entry]) -> None:
        """Count them out of their files; a file with nothing left is emptied or removed."""
        for entry in entries:
            entry.acknowledged = True
            segment, entry.segment = entry.segment, None
            if segment is None:
                continue
            segment.live -= 1
            if segment.live == 0:
                self._clear(segment)

    def close(self) -> None:
        self.sync()
        if self._current is not None:
            segment, self._current = self._current, None
            if segment.live == 0:
                self._remove(segment)
            elif segment.descriptor is not None:
                os.close(segment.descriptor)

    def _open(self) -> _Segment:
        if self._current is not None and self._current.size < SEGMENT_BYTES:
            return self._current
        self._retire()
        self._number += 1
        path = self._directory / f"results-{self._number:010d}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._current = _Segment(path, os.open(path, flags, 0o600))
        _sync_directory(self._directory)
        return self._current

    def _write(self, segment: _Segment, lines: bytes) -> None:
        descriptor = segment.descriptor
        if descriptor is None:
            raise OSError(f"{segment.path} is closed")
        try:
            view = memoryview(lines)
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError:
            self._cut(segment, descriptor, segment.size)
            raise
        segment.size += len(lines)

    def _cut(self, segment: _Segment, descriptor: int, size: int) -> None:
        """After a refusal: back to what was good before, or, where even that is refused, on to a new file; a half line
        at the end of the old one is ignored when read."""
        try:
            os.ftruncate(descriptor, size)
            os.fdatasync(descriptor)
            segment.size = size
        except OSError:
            self._retire()

    def _retire(self) -> None:
        """No more writing to the current file; it goes when its last result is acknowledged."""
        self.sync()
        segment, self._current = self._current, None
        if segment is None:
            return
        if segment.descriptor is not None:
            os.close(segment.descriptor)
            segment.descriptor = None
        if segment.live == 0:
            self._remove(segment)

    def _clear(self, segment: _Segment) -> None:
        if segment is not self._current or segment.descriptor is None:
            self._remove(segment)
            return
        try:
            os.ftruncate(segment.descriptor, 0)
            segment.size = segment.synced = 0
        except OSError as error:
            _log.warning("spool.not_emptied", path=str(segment.path), reason=str(error))

    def _remove(self, segment: _Segment) -> None:
        try:
            if segment.descriptor is not None:
                os.close(segment.descriptor)
                segment.descriptor = None
            segment.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("spool.not_removed", path=str(segment.path), reason=str(error))


def _read(path: Path) -> Iterator[Entry]:
    torn = 0
    for line in path.read_bytes().split(b"\n"):
        if not line:
            continue
        try:
            result = msgspec.json.decode(line, type=Result)
        except msgspec.DecodeError:
            torn += 1
            continue
        yield Entry(line, result.run_id, result.dispatch_id, result.token, result.artifacts)
    if torn:
        _log.warning("spool.torn_lines_ignored", path=str(path), lines=torn)


def _number_of(path: Path) -> int:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
