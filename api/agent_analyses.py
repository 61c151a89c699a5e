"""/api/traces/:id/analysis: what went wrong in an agent's run, and where it began (seed 002)."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response
from msgspec import UNSET, UnsetType

from api.access import SERVER, Scope
from api.agent_access import Seen
from api.agent_events import SessionPath
from api.envelope import json_response
from api.errors import Conflict, Invalid, no_such
from api.routes import Routes
from api.schemas.analyses import AgentAnalysis, AnalysisToStore, WorkspaceQuery
from api.schemas.bare import BareError
from api.services import services
from store.audit import Target, note
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from telemetry.agents.analysis import Analysis, analyze, concluded
from telemetry.agents.detectors.base import Finding
from telemetry.agents.joining import Joining
from telemetry.agents.stored.analyses import (
    StoredAnalysis,
    get_analysis,
    link_incident,
    recording_of_session,
    store_analysis,
)
from telemetry.agents.stored.sessions import AgentSession, get_session, workspaces_with
from telemetry.agents.uniting import NoSuchIncidentError

_LONGEST_TARGET = 40
"""Of what the audit log holds an id."""
routes = Routes("Agent analyses", "What went wrong in a run, and where it began.", BareError)


@routes.get(
    "/api/traces/<agent_session_id>/analysis", needs=Scope.READ, answers=AgentAnalysis, errors=(403,), tokens=True,
    pages=True,
)  # fmt: skip
def show_agent_analysis(path: SessionPath) -> Response:
    """Get the stored analysis of a run: soon after its end there is one. 404 where none was made yet."""
    seen = Seen()
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = seen.session(session, path.agent_session_id)
        stored = get_analysis(session, seen.organization_id, found.number)
    if stored is None:
        raise no_such("analysis of session", path.agent_session_id)
    return json_response(analysis_shape(found.id, stored))


@routes.post(
    "/api/traces/<agent_session_id>/analyze", needs=Scope.RUN, answers=AgentAnalysis, errors=(403,), tokens=True
)
def analyze_agent_session(path: SessionPath) -> Response:
    """Run the detectors over the events of a run, store what they find, and answer it.

    They are functions of these events in the order of their `seq`: the same events make the same labels, confidences
    and critical step. An analysis that knows more of the run is not replaced. Where anything is found, the run opens
    or joins an incident, or moves to another; where nothing is, it leaves the one that it was part of.
    """
    seen = Seen()
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = seen.session(session, path.agent_session_id)
        recording = recording_of_session(session, seen.organization_id, found.number)
    analysis = analyze(recording)
    incident_id = _joining(seen.organization_id).join(found, analysis, recording, recording.upto_seq)
    stored = _stored(seen.organization_id, found, analysis, recording.upto_seq, incident_id)
    _note(seen.organization_id, "agent_session.analyzed", found, stored)
    return json_response(analysis_shape(found.id, stored))


@routes.put("/api/traces/<agent_session_id>/analysis", needs=SERVER, answers=AgentAnalysis, errors=(409,))
def put_agent_analysis(path: SessionPath, query: WorkspaceQuery, body: AnalysisToStore) -> Response:
    """Store an analysis, or the incident that it belongs to: for your own servers, with `TRACER_INTERNAL_TOKEN`.

    With an `incident_id` the run is part of that incident until you say otherwise; with null it is part of none;
    without one, new `detectors` open or join an incident as an analysis of Tracer's own does.
    No API key, no sign-in and no token of the console opens it.
    """
    if body.session_id not in (None, path.agent_session_id):
        raise Invalid({"session_id": ["must be the session of the path"]})
    organization_id = query.workspace_id or _only_workspace(path.agent_session_id)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = get_session(session, organization_id, path.agent_session_id)
        if found is None:
            raise no_such("session", path.agent_session_id)
        before = get_analysis(session, organization_id, found.number)
        told = body.detectors is not None
        recording = recording_of_session(session, organization_id, found.number) if told else None
    merged, upto_seq = _merged(before, body), max(found.last_seq, before.upto_seq if before else 0)
    incident_id: str | UnsetType | None = UNSET
    if "incident_id" in body.model_fields_set:
        incident_id = _put(organization_id, found, merged, body.incident_id, upto_seq)
    elif recording is not None:
        incident_id = _joining(organization_id).join(found, merged, recording, upto_seq)
    stored = _stored(organization_id, found, merged, upto_seq, incident_id)
    _note(organization_id, "agent_session.analysis_put", found, stored)
    return json_response(analysis_shape(found.id, stored))


def analysis_shape(session_id: str, stored: StoredAnalysis) -> dict[str, Any]:
    """An analysis as it is answered."""
    found = stored.analysis
    return {
        "session_id": session_id,
        "detectors": msgspec.to_builtins(found.detectors),
        "critical_step": found.critical_step,
        "summary": found.summary,
        "incident_id": stored.incident_id,
        "version": found.version,
    }


def _joining(organization_id: str) -> Joining:
    return Joining(services().database, organization_id, Urgency.PEOPLE)


def _put(
    organization_id: str, run: AgentSession, found: Analysis, incident_id: str | None, upto_seq: int
) -> str | None:
    try:
        return _joining(organization_id).put(run, found, incident_id, upto_seq)
    except NoSuchIncidentError:
        raise Invalid({"incident_id": ["there is no such incident in the workspace of this session"]}) from None


def _stored(
    organization_id: str, run: AgentSession, found: Analysis, upto_seq: int, incident_id: str | UnsetType | None
) -> StoredAnalysis:
    """What is stored then: this analysis with this incident, unless another that knows more has come meanwhile."""
    store = services().database.telemetry
    with store.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        stored = store_analysis(
            session, organization_id, run.number, found, upto_seq=upto_seq, now_ms=store.now_ms(session)
        )
        if stored.upto_seq == upto_seq and incident_id is not UNSET:
            link_incident(session, organization_id, run.number, incident_id)
            stored.incident_id = incident_id
    return stored


def _only_workspace(session_id: str) -> str:
    """Whose run of this id it is. NotFound; Conflict where several workspaces have one."""
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = workspaces_with(session, session_id)
    if not found:
        raise no_such("session", session_id)
    if len(found) > 1:
        raise Conflict("Several workspaces have a session of this id: say whose with ?workspace_id=")
    return found[0]


def _merged(before: StoredAnalysis | None, body: AnalysisToStore) -> Analysis:
    """What is stored with what was sent in place of its fields. Invalid where there is nothing to change yet."""
    if body.detectors is not None:
        found = concluded([Finding(**each.model_dump()) for each in body.detectors])
    elif before is not None:
        found = before.analysis
    else:
        raise Invalid({"detectors": ["is needed: no analysis of this session is stored yet"]})
    given = body.model_fields_set
    return Analysis(
        found.detectors,
        body.critical_step if "critical_step" in given else found.critical_step,
        body.summary or found.summary,
        body.version or found.version,
    )


def _note(organization_id: str, action: str, found: AgentSession, stored: StoredAnalysis) -> None:
    told = {
        "labels": [finding.label for finding in stored.analysis.detectors],
        "critical_step": stored.analysis.critical_step,
        "incident_id": stored.incident_id,
    }
    with services().database.write(organization_id, Urgency.PEOPLE) as session:
        note(
            session,
            organization_id,
            action,
            Target("agent_session", found.id[:_LONGEST_TARGET], found.name),
            after=told,
        )
