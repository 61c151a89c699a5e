"""/api/traces and /api/sessions: runs of agents, begun and listed (seed 002)."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.access import Scope, caller
from api.agent_access import Seen, project_to_write
from api.envelope import json_response
from api.errors import Conflict
from api.routes import Routes
from api.schemas.agents import AgentSession as SessionShape
from api.schemas.agents import NewAgentSession, SessionPage, SessionQuery
from api.schemas.bare import BareError
from api.services import services
from model.ids import new_id
from model.times import iso
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from telemetry.agents.stored.sessions import AgentSession, NewSession, begin_session, list_sessions

routes = Routes("Agent runs", "What agents did, event by event, and where it went wrong.", BareError)


@routes.post(
    "/api/traces", needs=Scope.INGEST, answers=SessionShape, status=201, also={200: SessionShape}, errors=(404, 409),
    tokens=True,
)  # fmt: skip
def begin_agent_session(body: NewAgentSession) -> Response:
    """Begin a run. One with a `session_id` that is there already is answered with 200, as it stands.

    A key that is for one project begins runs of that project.
    """
    project, store = project_to_write(body.project_id), services().database.telemetry
    with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        now_ms = store.now_ms(session)
        new = NewSession(
            body.session_id or new_id("trace", now_ms), project, body.name, body.agent, body.metadata or {}
        )
        found, begun = begin_session(session, caller().organization_id, new, now_ms)
    if not begun and (found.project, found.name, found.agent) != (project, body.name, body.agent):
        raise Conflict("There is a session with this session_id, and it is another one")
    return json_response(session_shape(found, Seen()), 201 if begun else 200)


@routes.get("/api/sessions", needs=Scope.READ, answers=SessionPage, errors=(404,), tokens=True, pages=True)
def list_agent_sessions(query: SessionQuery) -> Response:
    """List runs, the newest first. Filters narrow what may be seen, and never widen it. `metadata` is there where one
    run is asked for by its `session_id`."""
    seen, store = Seen(), services().database.telemetry
    projects = seen.narrowed(query.project_id)
    with store.read(EVERY_ORGANIZATION) as session:
        found, following = list_sessions(
            session,
            seen.organization_id,
            projects=projects,
            session_id=query.session_id,
            status=query.status,
            before=None if query.cursor is None else int(query.cursor),
            limit=query.limit,
        )
    cursor = None if following is None else str(following)
    return json_response({"sessions": [session_shape(one, seen) for one in found], "cursor": cursor})


def session_shape(found: AgentSession, seen: Seen) -> dict[str, Any]:
    """A run as it is answered."""
    return {
        "id": found.id,
        "workspace_id": seen.organization_id,
        "project_id": seen.project_id(found.project),
        "name": found.name,
        "agent": found.agent,
        "status": found.status,
        "started_at": iso(found.started_ms),
        "last_seq": found.last_seq,
        "metadata": found.metadata,
    }
