"""Sessions and runs of checks looked at again, with the detectors as they are today: whether they are of a cluster."""

from __future__ import annotations

from sqlalchemy.orm import Session

from model.outcome import RunStatus
from store.tables import Run
from telemetry.agents.analysis import analyze
from telemetry.agents.failures import cluster_of, seqs_of, signature_of, suspects_of
from telemetry.agents.recordings import recording_of
from telemetry.agents.regressing.verdicts import AGAIN, CLEAR, OTHERWISE, UNKNOWN, RunSeen, SessionSeen
from telemetry.agents.stored.analyses import facts_of_session
from telemetry.agents.stored.replaying import payloads_of
from telemetry.agents.stored.sessions import RUNNING, AgentSession
from telemetry.agents.told import signature_of_stored

_FAILED = "failed"


def replayed(session: Session, organization_id: str, run: AgentSession, cluster_key: str) -> SessionSeen:
    """A run of an agent: it is of the cluster where any of what is found in it is. In a read of the telemetry store."""
    read = facts_of_session(session, organization_id, run.number)
    found, recording = analyze(read.facts, whole=read.whole), recording_of(read.facts, whole=read.whole)
    keys = set()
    for finding in found.detectors:
        suspects = suspects_of(recording, finding)
        payloads = payloads_of(session, organization_id, run.number, seqs_of(suspects))
        keys.add(cluster_of(signature_of(finding.label, suspects, payloads)).key)
    if cluster_key in keys:
        outcome = AGAIN
    elif run.status == RUNNING:
        outcome = UNKNOWN
    else:
        outcome = OTHERWISE if run.status == _FAILED else CLEAR
    labels = [finding.label for finding in found.detectors]
    return SessionSeen(run.id, run.agent, run.project, run.status, labels, found.critical_step, outcome)


def looked_at(session: Session, run_id: str, name: str, cluster_key: str) -> RunSeen | None:
    """A run of a check as it is stored; None where it is gone."""
    run = session.get(Run, run_id)
    if run is None:
        return None
    outcome = UNKNOWN
    if run.status == RunStatus.SUCCESS.value:
        outcome = CLEAR
    elif run.status == RunStatus.FAILED.value:
        key = cluster_of(signature_of_stored(session, run)).key
        outcome = AGAIN if key == cluster_key else OTHERWISE
    return RunSeen(run.id, run.check_id, name, run.location, run.status, run.error_code, outcome)
