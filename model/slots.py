"""Which slots are due in a window of time, found without a look at the checks that are not due. Pure.

Intervals need no state at all: a stream is due where `time mod interval == phase`, so per interval a list sorted by
phase, cut by bisect, holds the answer to every window, and asking twice gives the same answer. Cron streams wait in a
heap by their next fire time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import heapify, heappop, heappush
from itertools import count
from operator import itemgetter

import msgspec

from model.ids import phase_ms
from model.schedule import Schedule, next_slot, slots_between

FOREVER = 1 << 62


class Stream(msgspec.Struct, frozen=True, eq=False):
    """One version of a check at one location: its slots are those due in (from_ms, until_ms]."""

    organization_id: str
    check_id: str
    location: str
    version: int
    schedule: Schedule
    phase_ms: int
    from_ms: int
    until_ms: int = FOREVER


Due = tuple[int, Stream]
_by_time = itemgetter(0)


def streams_of(organization_id: str, check_id: str, versions: list[tuple[int, int, Schedule | None]]) -> list[Stream]:
    """The streams of a check with the given (version, from_ms, schedule): a slot belongs to the highest version
    whose `from_ms` lies before it, so an edit that begins later never outlives a pause that began at once."""
    streams: list[Stream] = []
    until = FOREVER
    for version, from_ms, schedule in sorted(versions, key=_by_time, reverse=True):
        if schedule is not None and from_ms < until:
            streams += [
                Stream(
                    organization_id,
                    check_id,
                    location,
                    version,
                    schedule,
                    phase_ms(check_id, location, schedule.interval_ms) if schedule.interval_ms else 0,
                    from_ms,
                    until,
                )
                for location in schedule.locations
            ]
        until = min(until, from_ms)
    return streams


class _SamePace:
    """The streams of one interval, two lists in step, sorted by phase."""

    __slots__ = ("phases", "streams")

    def __init__(self) -> None:
        self.phases: list[int] = []
        self.streams: list[Stream] = []


class SlotIndex:
    """Not thread-safe: one scheduler thread owns it."""

    def __init__(self) -> None:
        self._paces: dict[int, _SamePace] = {}
        self._cron: list[tuple[int, int, Stream]] = []
        self._cron_live: set[Stream] = set()
        self._serial = count()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, stream: Stream) -> None:
        """O(log n) comparisons. Raises what cronsim or zoneinfo do for a schedule they can't read, adding nothing."""
        interval_ms = stream.schedule.interval_ms
        if interval_ms is None:
            self._push(stream, stream.from_ms)
            self._cron_live.add(stream)
            self._size += 1
            return
        pace = self._paces.setdefault(interval_ms, _SamePace())
        at = bisect_right(pace.phases, stream.phase_ms)
        pace.phases.insert(at, stream.phase_ms)
        pace.streams.insert(at, stream)
        self._size += 1

    def remove(self, stream: Stream) -> None:
        """O(log n) comparisons; KeyError if it is not there."""
        interval_ms = stream.schedule.interval_ms
        if interval_ms is None:
            self._cron_live.remove(stream)  # what the heap still holds of it is passed over when it comes up
            if len(self._cron) > 2 * len(self._cron_live) + 64:
                self._cron = [entry for entry in self._cron if entry[2] in self._cron_live]
                heapify(self._cron)
        else:
            pace = self._paces[interval_ms]
            at = bisect_left(pace.phases, stream.phase_ms)
            end = bisect_right(pace.phases, stream.phase_ms, at)
            while at < end and pace.streams[at] is not stream:
                at += 1
            if at == end:
                raise KeyError(stream.check_id)
            del pace.phases[at], pace.streams[at]
            if not pace.phases:
                del self._paces[interval_ms]
        self._size -= 1

    def per_second(self) -> float:
        """How many slots come due in a second on average, cron left out."""
        return sum(len(pace.phases) * 1000 / interval_ms for interval_ms, pace in self._paces.items())

    def any_due(self, after_ms: int, until_ms: int) -> bool:
        """Whether `due` may find something in the window; a stream not in force yet counts as well. Changes nothing."""
        if self._cron and self._cron[0][0] <= until_ms:
            return True
        for interval_ms, pace in self._paces.items():
            start = bisect_right(pace.phases, after_ms % interval_ms)
            following = pace.phases[start] if start < len(pace.phases) else pace.phases[0] + interval_ms
            if after_ms - after_ms % interval_ms + following <= until_ms:
                return True
        return False

    def due(self, after_ms: int, until_ms: int) -> list[Due]:
        """The slots due in (after_ms, until_ms], by time. Windows may be asked for again, but `after_ms` never falls:
        cron streams forget what lies before it."""
        found: list[Due] = []
        for interval_ms, pace in self._paces.items():
            phases, streams = pace.phases, pace.streams
            for turn in range(after_ms - after_ms % interval_ms, until_ms + 1, interval_ms):
                first = bisect_right(phases, after_ms - turn)
                for at in range(first, bisect_right(phases, until_ms - turn, first)):
                    due, stream = turn + phases[at], streams[at]
                    if stream.from_ms < due <= stream.until_ms:
                        found.append((due, stream))
        if self._cron and self._cron[0][0] <= until_ms:
            self._collect_cron(found, after_ms, until_ms)
        found.sort(key=_by_time)
        return found

    def _collect_cron(self, found: list[Due], after_ms: int, until_ms: int) -> None:
        again: list[Stream] = []
        while self._cron and self._cron[0][0] <= until_ms:
            stream = heappop(self._cron)[2]
            if stream in self._cron_live:
                again.append(stream)
                last = min(until_ms, stream.until_ms)
                found += [
                    (due, stream) for due in slots_between(stream.schedule, 0, self._from(stream, after_ms), last)
                ]
        for stream in again:
            self._push(stream, self._from(stream, after_ms))

    @staticmethod
    def _from(stream: Stream, after_ms: int) -> int:
        return max(stream.from_ms, after_ms)

    def _push(self, stream: Stream, after_ms: int) -> None:
        due = next_slot(stream.schedule, 0, after_ms)
        if due is not None and due <= stream.until_ms:
            heappush(self._cron, (due, next(self._serial), stream))
