"""Sessions and runs of checks looked at again, with the detectors as they are today: whether they are of a cluster, and
where it begins in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from model.outcome import RunStatus
from store.tables import Run
from telemetry.agents.analysis import analyze
from telemetry.agents.checked import JOURNEY, CheckFacts, RunFacts, signature_of_run, target_of_check, walk_of
from telemetry.agents.failures import cluster_of
from telemetry.agents.regressing.judging import begins_in, outcome_of
from telemetry.agents.regressing.places import Place, passed
from telemetry.agents.regressing.verdicts import AGAIN, CLEAR, ELSEWHERE, OTHERWISE, UNKNOWN, RunSeen, SessionSeen
from telemetry.agents.stored.analyses import recording_of_session
from telemetry.agents.stored.replaying import payloads_of
from telemetry.agents.stored.sessions import AgentSession
from telemetry.agents.told import as_stored


def replayed(
    session: Session, organization_id: str, run: AgentSession, cluster_key: str, places: Sequence[Place] | None
) -> tuple[SessionSeen, list[Place]]:
    """A run of an agent, and where the cluster begins in it. `places`: where it began before the fix; None: it is not
    asked whether the run came there. In a read of the telemetry store."""
    recording = recording_of_session(session, organization_id, run.number)
    found = analyze(recording)

    def payloads(seqs: Sequence[int]) -> Mapping[int, Any]:
        return payloads_of(session, organization_id, run.number, seqs)

    begins = begins_in(recording, found, cluster_key, payloads)
    outcome = AGAIN if begins else outcome_of(
        recording, found, run.status, places, payloads, whole=recording.whole
    )  # fmt: skip
    labels = [finding.label for finding in found.detectors]
    return SessionSeen(run.id, run.agent, run.project, run.status, labels, found.critical_step, outcome), begins


def looked_at(
    session: Session, run_id: str, name: str, cluster_key: str, places: Sequence[Place] = ()
) -> tuple[RunSeen, list[Place]] | None:
    """A run of a check as it is stored, and where the cluster begins in it; None where it is gone. `places`: where it
    began before the fix."""
    run = session.get(Run, run_id)
    if run is None:
        return None
    outcome, begins = UNKNOWN, list[Place]()
    if run.status == RunStatus.SUCCESS.value:
        outcome = CLEAR if _came_past(*as_stored(session, run), places) else ELSEWHERE
    elif run.status == RunStatus.FAILED.value:
        check, facts = as_stored(session, run)
        again = cluster_of(signature_of_run(check, facts)).key == cluster_key
        outcome = AGAIN if again else OTHERWISE
        begins = _begins_in(check, facts, cluster_key) if again else begins
    return RunSeen(run.id, run.check_id, name, run.location, run.status, run.error_code, outcome), begins


def _begins_in(check: CheckFacts, run: RunFacts, cluster_key: str) -> list[Place]:
    """Of a run that shows it: a journey's step, what a monitor asks."""
    if check.type != JOURNEY:
        return [_asked_by(check)]
    recording, said = walk_of(check, run)
    return begins_in(recording, analyze(recording), cluster_key, lambda seqs: {seq: said[seq] for seq in seqs})


def _came_past(check: CheckFacts, run: RunFacts, places: Sequence[Place]) -> bool:
    """A run that went well: by what it asks now, and which steps it took."""
    if check.type != JOURNEY:
        asked = _asked_by(check)
        return any(asked.target == place.target if asked.target else asked == place for place in places)
    recording, said = walk_of(check, run)
    return passed(recording, places, lambda seqs: {seq: said[seq] for seq in seqs})


def _asked_by(check: CheckFacts) -> Place:
    """What a monitor asks; what has no address is the monitor itself."""
    target = target_of_check(check)
    return Place(target=target) if target is not None else Place(step=f"{check.type} {check.id}")
