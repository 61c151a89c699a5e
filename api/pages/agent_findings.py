"""What an analysis says of a run, as its page shows it: each finding with the events that prove it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telemetry.agents.analysis import critical_of
from telemetry.agents.stored.analyses import StoredAnalysis
from telemetry.agents.stored.windows import Mark

_MOST_SHOWN = 12


@dataclass(frozen=True)
class Evidence:
    """An event. `href`: where it stands."""

    seq: int
    href: str


@dataclass(frozen=True)
class FindingView:
    """`percent`: of confidence. `more`: evidence beyond what is shown at once."""

    label: str
    percent: int
    step: int
    explanation: str
    critical: bool
    evidence: Sequence[Evidence]
    more: Sequence[Evidence]


@dataclass(frozen=True)
class AnalysisView:
    """`outdated`: whether events came after those that it knows. `critical`: the `seq` of the critical step's event,
    None where the run has none such."""

    summary: str
    critical_step: int | None
    critical: int | None
    findings: Sequence[FindingView]
    at_ms: int
    outdated: bool
    incident_id: str | None


def analysis_view(
    stored: StoredAnalysis, outline: Sequence[Mark], last_seq: int, href: Callable[[int], str]
) -> AnalysisView:
    """`href`: where an event stands, by its `seq`."""
    analysis = stored.analysis
    critical = critical_of(analysis.detectors)
    return AnalysisView(
        summary=analysis.summary,
        critical_step=analysis.critical_step,
        critical=critical_seq(stored, outline),
        findings=[
            FindingView(
                found.label,
                round(found.confidence * 100),
                found.step,
                found.explanation,
                found is critical,
                [Evidence(seq, href(seq)) for seq in found.evidence[:_MOST_SHOWN]],
                [Evidence(seq, href(seq)) for seq in found.evidence[_MOST_SHOWN:]],
            )
            for found in analysis.detectors
        ],
        at_ms=stored.at_ms,
        outdated=stored.upto_seq < last_seq,
        incident_id=stored.incident_id,
    )


def critical_seq(stored: StoredAnalysis, outline: Sequence[Mark]) -> int | None:
    """The event of the critical step: of those that prove a finding there the first, else the first of that step."""
    step = stored.analysis.critical_step
    if step is None:
        return None
    proving = {seq for found in stored.analysis.detectors if found.step == step for seq in found.evidence}
    of_step = [mark.seq for mark in outline if (mark.seq if mark.step is None else mark.step) == step]
    return next((seq for seq in of_step if seq in proving), of_step[0] if of_step else None)


def labels_by_event(stored: StoredAnalysis) -> dict[int, list[str]]:
    """What each event proves."""
    found: dict[int, list[str]] = {}
    for finding in stored.analysis.detectors:
        for seq in finding.evidence:
            found.setdefault(seq, []).append(finding.label)
    return found
