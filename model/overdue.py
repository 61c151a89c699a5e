"""What becomes of the slots of a check that came due while nobody scheduled: a pure rule (R5).

Of each (check, location) the newest may still be run, if it is younger than min(interval, 60 s); all older ones are
accounted for as not run.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from model.schedule import Slots, count_slots
from model.slots import Due, Stream


class Overdue(msgspec.Struct):
    """Of one check at one location. `older`: consecutive slots, by the version they belong to, none empty."""

    older: list[tuple[Stream, Slots]]
    newest: Due | None


def overdue_slots(streams: Iterable[Stream], after_ms: int, until_ms: int) -> list[Overdue]:
    """The slots in (after_ms, until_ms] of one check's streams, by location. A pure function of the versions, so
    whoever asks again, in another process too, gets the same answer."""
    by_location: dict[str, list[Stream]] = {}
    for stream in streams:
        by_location.setdefault(stream.location, []).append(stream)
    return [
        overdue
        for _, mine in sorted(by_location.items())
        if (overdue := _of_location(mine, after_ms, until_ms)) is not None
    ]


def _of_location(streams: list[Stream], after_ms: int, until_ms: int) -> Overdue | None:
    spans = []
    for stream in sorted(streams, key=lambda stream: stream.from_ms):
        slots = _slots(stream, after_ms, until_ms)
        if slots is not None:
            spans.append((stream, slots))
    if not spans:
        return None
    stream, last = spans[-1]
    if until_ms - last.last_ms >= stream.schedule.late_ms:
        return Overdue(spans, None)
    before = _slots(stream, after_ms, last.last_ms - 1)
    return Overdue([*spans[:-1], *([(stream, before)] if before is not None else [])], (last.last_ms, stream))


def _slots(stream: Stream, after_ms: int, until_ms: int) -> Slots | None:
    return count_slots(
        stream.schedule, stream.phase_ms, max(after_ms, stream.from_ms), min(until_ms, stream.until_ms)
    )  # fmt: skip
