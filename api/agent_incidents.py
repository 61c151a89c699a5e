"""A run of an agent and the incident that it is part of: joined before its analysis is stored, so that of a process
that dies between the two stores an incident may know more than the analysis says, and never less. Said again, it comes
to the same."""

from __future__ import annotations

from collections.abc import Sequence

from api.errors import Invalid
from api.services import services
from store.incident_failures import SESSION
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from telemetry.agents.analysis import Analysis, critical_of
from telemetry.agents.facts import Fact
from telemetry.agents.failures import cluster_of, seqs_of, signature_of, suspects_of
from telemetry.agents.recordings import recording_of
from telemetry.agents.stored.replaying import payloads_of
from telemetry.agents.stored.sessions import AgentSession
from telemetry.agents.uniting import NoSuchIncidentError, Placing, place


def join_incident(
    run: AgentSession, organization_id: str, found: Analysis, facts: Sequence[Fact], upto_seq: int
) -> str | None:
    """The incident that its failure is part of; None where nothing was found. One where a server has put it stays."""
    placing = _placing(run, upto_seq)
    critical = critical_of(found.detectors)
    if critical is not None:
        suspects = suspects_of(recording_of(facts), critical)
        with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
            payloads = payloads_of(session, organization_id, run.number, seqs_of(suspects))
        placing.cluster = cluster_of(signature_of(critical.label, suspects, payloads))
        placing.label = critical.label
    return _placed(organization_id, placing)


def put_into_incident(
    run: AgentSession, organization_id: str, found: Analysis, incident_id: str | None, upto_seq: int
) -> str | None:
    """Where a server says that it belongs, None: nowhere. Invalid."""
    placing = _placing(run, upto_seq)
    critical = critical_of(found.detectors)
    placing.label = "" if critical is None else critical.label
    placing.pinned_to, placing.unpinned = incident_id, True
    try:
        return _placed(organization_id, placing)
    except NoSuchIncidentError:
        raise Invalid({"incident_id": ["there is no such incident in the workspace of this session"]}) from None


def _placing(run: AgentSession, upto_seq: int) -> Placing:
    return Placing(
        kind=SESSION, id=run.id, member=run.id, cluster=None, project=run.project, first_ms=run.started_ms,
        last_ms=run.last_ms, upto_seq=upto_seq,
    )  # fmt: skip


def _placed(organization_id: str, placing: Placing) -> str | None:
    database = services().database
    with database.write(organization_id, Urgency.PEOPLE) as session:
        return place(session, organization_id, placing, database.now_ms(session))
