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


def named(lines: Sequence[Told], room: int) -> tuple[list[str], int]:
    """(a line for each event, as many as `room` characters hold; how many were left over)."""
    shown: list[str] = []
    for line in lines:
        text = f"[{line.mark}] {line.headline}"
        room -= len(text) + 1
        if room < 0:
            break
        shown.append(text)
    return shown, len(lines) - len(shown)


def _weight(event: Told) -> tuple[bool, int]:
    worst = _WORST_FIRST.index(event.severity) if event.severity in _WORST_FIRST else len(_WORST_FIRST)
    return event.good, worst
