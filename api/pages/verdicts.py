"""How a run ended, to see and to read."""

from __future__ import annotations

from dataclasses import dataclass

from model.outcome import RunStatus
from store.tables import Gap, Run


@dataclass(frozen=True)
class Verdict:
    """`css`: the state its mark shows; `word` stands alone, `sentence` follows a check's name."""

    css: str
    word: str
    sentence: str


VERDICTS = {
    RunStatus.SUCCESS: Verdict("up", "Passed", "passed"),
    RunStatus.FAILED: Verdict("down", "Failed", "failed"),
    RunStatus.MISSED: Verdict("unknown", "Not measured", "was not measured"),
    RunStatus.UNKNOWN: Verdict("unknown", "Not measured", "was not measured"),
    RunStatus.CANCELLED: Verdict("unknown", "Cancelled", "was cancelled before it began"),
    RunStatus.QUEUED: Verdict("unknown", "Waiting", "is waiting for a probe"),
    RunStatus.RUNNING: Verdict("unknown", "Running", "is running"),
}
_SLOW = Verdict("degraded", "Slow", "passed, but slowly,")


def verdict(entry: Run | Gap) -> Verdict:
    """Of a run, or of all the slots of a gap."""
    if isinstance(entry, Run) and entry.status == RunStatus.SUCCESS and entry.degraded:
        return _SLOW
    return VERDICTS[RunStatus(entry.status)]
