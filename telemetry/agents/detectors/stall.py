"""stall: for a long time nothing happens.

Definition: a minute or more between two events that follow each other, and at least five times as long as the run's
pauses usually are (the median of all but the longest). Waiting for a person's message is no stall, nor is what comes
after the end. Time is the sender's own, taken as differences only; where it runs back by more than a second anywhere,
several clocks are at work, and nothing is found.
Confidence: 0.6 from one minute, 0.8 from five, 0.9 from fifteen.
Begins at: the last event before the silence.
Reads: `timestamp`, and the `role` of messages.
"""

from __future__ import annotations

from itertools import pairwise

from telemetry.agents.detectors.base import Detector, Finding, finding
from telemetry.agents.recordings import Recording

LEAST_MS = 60_000
TIMES_THE_USUAL = 5
_TOLERANCE_MS = 1_000
_SURE = ((900_000, 0.9), (300_000, 0.8), (LEAST_MS, 0.6))


def find(recording: Recording) -> Finding | None:
    facts = recording.facts
    pauses = [later.at_ms - earlier.at_ms for earlier, later in pairwise(facts)]
    if not pauses or min(pauses) < -_TOLERANCE_MS or max(pauses) < LEAST_MS:
        return None
    others = sorted(pauses)[:-1]
    usual = others[len(others) // 2] if others else 0
    for place, pause in enumerate(pauses):
        before, after = facts[place], facts[place + 1]
        if pause < max(LEAST_MS, usual * TIMES_THE_USUAL) or after.by_person or before.type == "end":
            continue
        confidence = next(sure for least, sure in _SURE if pause >= least)
        said = f"Nothing happened for {_spoken(pause)}."
        return finding("stall", confidence, before, [before, after], said)
    return None


def _spoken(pause_ms: int) -> str:
    seconds = pause_ms // 1000
    return f"{seconds} seconds" if seconds < 120 else f"{seconds // 60} minutes"


DETECTOR = Detector(
    "stall",
    find,
    cause=False,
    plan=(
        "Find what was waited for before the critical step: a tool, the model, a queue or a lock.",
        "Give every call a time limit, and treat one that runs out as an error of that call.",
        "Do work that takes long in the background, and let the agent ask how far it is.",
        "If a service was slow, watch its response time with a monitor.",
    ),
)
