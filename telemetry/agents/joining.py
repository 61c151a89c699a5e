"""A run of an agent and the incident that it is part of: joined before its analysis is stored, so that of a process
that dies between the two stores an incident may know more than the analysis says, and never less. Said again, it comes
to the same."""

from __future__ import annotations

from store.incident_failures import SESSION
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.analysis import Analysis, critical_of
from telemetry.agents.failures import cluster_of, seqs_of, signature_of, suspects_of
from telemetry.agents.recordings import Recording
from telemetry.agents.stored.replaying import payloads_of
from telemetry.agents.stored.sessions import AgentSession
from telemetry.agents.uniting import Placing, place


class Joining:
    """The runs of one organization. `urgency`: of its writes."""

    def __init__(self, database: Database, organization_id: str, urgency: Urgency) -> None:
        self._database, self._organization_id, self._urgency = database, organization_id, urgency

    def join(self, run: AgentSession, found: Analysis, recording: Recording, upto_seq: int) -> str | None:
        """The incident that its failure is part of; None where nothing was found. One where a server has put it
        stays."""
        placing = _placing(run, upto_seq)
        critical = critical_of(found.detectors)
        if critical is not None:
            suspects = suspects_of(recording, critical)
            with self._database.telemetry.read(EVERY_ORGANIZATION) as session:
                payloads = payloads_of(session, self._organization_id, run.number, seqs_of(suspects))
            placing.cluster = cluster_of(signature_of(critical.label, suspects, payloads))
            placing.label = critical.label
        return self._placed(placing)

    def put(self, run: AgentSession, found: Analysis, incident_id: str | None, upto_seq: int) -> str | None:
        """Where a server says that it belongs, None: nowhere. NoSuchIncidentError."""
        placing = _placing(run, upto_seq)
        critical = critical_of(found.detectors)
        placing.label = "" if critical is None else critical.label
        placing.pinned_to, placing.unpinned = incident_id, True
        return self._placed(placing)

    def _placed(self, placing: Placing) -> str | None:
        with self._database.write(self._organization_id, self._urgency) as session:
            return place(session, self._organization_id, placing, self._database.now_ms(session))


def _placing(run: AgentSession, upto_seq: int) -> Placing:
    return Placing(
        kind=SESSION, id=run.id, member=run.id, cluster=None, project=run.project, first_ms=run.started_ms,
        last_ms=run.last_ms, upto_seq=upto_seq,
    )  # fmt: skip
