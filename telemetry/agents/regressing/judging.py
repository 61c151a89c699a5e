"""What a run says of an incident: pure functions of its recording and of where the incident begins.

It shows the incident *again* where any of what is found in it is of its cluster. It is *clear* where it ended well by
its own words, nothing convincing is found in it, and it came past where the incident begins (places.py). What ended
well and never came there is *elsewhere*; what went wrong in any other way is *otherwise*: neither says anything. What
has not ended, or is too long to be looked at whole, is *unknown*.
"""

from __future__ import annotations

from collections.abc import Sequence

from telemetry.agents.analysis import CONVINCING, Analysis
from telemetry.agents.failures import cluster_of, seqs_of, signature_of, suspects_of
from telemetry.agents.recordings import Recording
from telemetry.agents.regressing.places import Payloads, Place, ended_well, passed, place_of
from telemetry.agents.regressing.verdicts import CLEAR, ELSEWHERE, OTHERWISE, UNKNOWN

RUNNING, _COMPLETED = "running", "completed"


def begins_in(recording: Recording, found: Analysis, cluster_key: str, payloads: Payloads) -> list[Place]:
    """Where a cluster begins in a run; empty where the run does not show it."""
    places = []
    for finding in found.detectors:
        suspects = suspects_of(recording, finding)
        known = payloads(seqs_of(suspects))
        if cluster_of(signature_of(finding.label, suspects, known)).key == cluster_key:
            places.append(place_of(recording, finding, suspects, known))
    return places


def outcome_of(
    recording: Recording, found: Analysis, status: str, places: Sequence[Place] | None, payloads: Payloads, *,
    whole: bool = True,
) -> str:  # fmt: skip
    """Of a run that does not show the incident. `status`: as it is stored. `places`: where the incident begins; None:
    it is not asked whether the run came there. `whole`: whether these are all of its events; what was cut off just
    behind an end looks as if they were."""
    if status == RUNNING or not whole:
        return UNKNOWN
    wrong = any(finding.confidence >= CONVINCING for finding in found.detectors)
    if status != _COMPLETED or wrong or not ended_well(recording):
        return OTHERWISE
    return CLEAR if places is None or passed(recording, places, payloads) else ELSEWHERE
