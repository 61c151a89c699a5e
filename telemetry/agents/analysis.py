"""What went wrong in a run, and where it began: all detectors over its events, a pure function of those events.

The critical step is where the earliest cause begins, not where the last symptom shows: of the findings that are causes
(what the agent did: detectors/registry.py) the one that begins first, by `seq`; of several at one event the first in
the registry. Findings below a confidence of 0.6 count only where there are no others, and symptoms and circumstances
(cost, silence, the end) only where there is no cause.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from telemetry.agents.detectors.base import Finding
from telemetry.agents.detectors.registry import DETECTORS, LABELS, VERSION
from telemetry.agents.recordings import Recording

CONVINCING = 0.6
MOST_EVENTS = 50_000
"""Of a run; what comes after them is not looked at, and a run that goes on there is not judged by its end."""
_CAUSES = frozenset(detector.label for detector in DETECTORS if detector.cause)
_ORDER = {label: place for place, label in enumerate(LABELS)}


class Analysis(msgspec.Struct):
    """`detectors`: in the order in which they begin, at most one a label. `critical_step`: None where nothing was
    found. `summary`: a sentence or two for people. `version`: of the detectors."""

    detectors: list[Finding]
    critical_step: int | None
    summary: str
    version: int = VERSION


def analyze(recording: Recording) -> Analysis:
    """What the detectors find in a run."""
    found = [finding for detector in DETECTORS if (finding := detector.find(recording)) is not None]
    found.sort(key=_begins)
    looked_at = len(recording.facts)
    return concluded(found, f"Nothing was found in {looked_at:,} event{'' if looked_at == 1 else 's'}.")


def concluded(found: list[Finding], nothing: str = "Nothing was found.") -> Analysis:
    """What findings come to: the critical step, and the summary."""
    critical = critical_of(found)
    if critical is None:
        return Analysis(found, None, nothing)
    others = [f"{finding.label} (step {finding.step})" for finding in found if finding is not critical]
    also = f" It also shows {', '.join(others)}." if others else ""
    said = critical.explanation or f"It shows {critical.label}."
    return Analysis(found, critical.step, f"Step {critical.step}: {said}{also}")


def critical_of(found: Sequence[Finding]) -> Finding | None:
    """The finding that is the earliest cause."""
    convincing = [finding for finding in found if finding.confidence >= CONVINCING] or list(found)
    causes = [finding for finding in convincing if finding.label in _CAUSES] or convincing
    return min(causes, key=_begins, default=None)


def _begins(finding: Finding) -> tuple[int, int]:
    return finding.evidence[0] if finding.evidence else 0, _ORDER.get(finding.label, len(_ORDER))
