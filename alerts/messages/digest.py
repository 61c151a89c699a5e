"""Several events in one message, for channels that people read: none is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alerts.messages.told import Told

_VERBS = {
    "alert.triggered": "triggered",
    "alert.resolved": "resolved",
    "alert.acknowledged": "acknowledged",
    "alert.reminder": "still failing",
    "notice": "about Tracer itself",
}
_WORST_FIRST = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Digest:
    """`lines`: bad news first and the worst of it, then good news. `all_url`: the page where all of them are."""

    headline: str
    lines: list[Told]
    all_url: str

    @property
    def subject(self) -> str:
        return f"[DIGEST] {self.headline}"


def digest(events: Sequence[Told], public_url: str) -> Digest:
    """One message of many."""
    counts = Counter(_VERBS.get(event.event, "other") for event in events)
    told = ", ".join(f"{count} {verb}" for verb, count in counts.most_common())
    what = "notices" if all(event.event == "notice" for event in events) else "alerts"
    return Digest(f"{len(events)} {what} at once: {told}", sorted(events, key=_weight), f"{public_url}/alerts")


def told_in(line: Told) -> str:
    """`[CRITICAL] Shop is down · eu-west · since 2024-01-15 10:30:00 UTC`, without its link."""
    return " · ".join(part for part in (f"[{line.mark}] {line.headline}", line.context) if part)


def fitting(lines: Sequence[Told], room: int) -> list[Told]:
    """As many as `room` characters hold, each with its link."""
    shown: list[Told] = []
    for line in lines:
        room -= size(line)
        if room < 0:
            break
        shown.append(line)
    return shown


def size(line: Told) -> int:
    """Characters of an event with its link, and what parts them from each other and from the next."""
    return len(told_in(line)) + len(line.link or "") + 4


def _weight(event: Told) -> tuple[bool, int]:
    worst = _WORST_FIRST.index(event.severity) if event.severity in _WORST_FIRST else len(_WORST_FIRST)
    return event.good, worst
