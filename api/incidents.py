"""/api/incidents: failures that are one, of agents, journeys and monitors, and what people say of them (seed 002)."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from msgspec import UNSET
from pydantic import Field
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.agent_access import Seen
from api.envelope import json_response
from api.errors import Invalid
from api.incident_access import incident_shape, owner_of, seen_incident, whole_incident
from api.routes import PathModel, Routes
from api.schemas.bare import BareError
from api.schemas.incidents import IncidentPage, IncidentQuery, IncidentUpdate, OneIncident
from api.services import services
from store.incidents import IncidentFilter, list_incidents
from store.members import member_known_as
from store.write_lock import Urgency
from telemetry.agents.handling import Handled, handle_incident

routes = Routes("Incidents", "Failures that are one: of agents, journeys and monitors.", BareError)


class IncidentPath(PathModel):
    incident_id: Annotated[str, Field(pattern=r"^inc_[0-9a-z]{6,36}$", description="The incident's id")]


@routes.get("/api/incidents", needs=Scope.READ, answers=IncidentPage, errors=(404,), tokens=True, pages=True)
def list_agent_incidents(query: IncidentQuery) -> Response:
    """List incidents, the one that something happened to last first. Filters narrow what may be seen."""
    seen = Seen()
    projects = seen.narrowed(query.project_id)
    with services().database.read(seen.organization_id) as session:
        wanted = IncidentFilter(
            projects=projects,
            status=query.status,
            label=query.label,
            owner_id=None if query.owner is None else _member(session, query.owner)[0],
            before=None if query.cursor is None else _place(query.cursor),
        )
        found = list_incidents(session, wanted, query.limit + 1)
        page = found[: query.limit]
        shown = [incident_shape(session, seen, one) for one in page]
    cursor = f"{page[-1].last_ms}-{page[-1].id}" if len(found) > query.limit else None
    return json_response({"incidents": shown, "cursor": cursor})


@routes.get(
    "/api/incidents/<incident_id>", needs=Scope.READ, answers=OneIncident, errors=(403,), tokens=True, pages=True
)
def show_incident(path: IncidentPath) -> Response:
    """Get an incident, with its history."""
    seen = Seen()
    with services().database.read(seen.organization_id) as session:
        shown = whole_incident(session, seen, seen_incident(session, seen, path.incident_id))
    return json_response(shown)


@routes.patch("/api/incidents/<incident_id>", needs=Scope.WRITE, answers=OneIncident, errors=(403,), tokens=True)
def change_incident(path: IncidentPath, body: IncidentUpdate) -> Response:
    """Say how an incident stands, whose it is, or leave a note.

    A failure that comes after one was called `fixed` opens it again; `ignored` stays ignored.
    """
    if not body.model_fields_set:
        raise Invalid({"": ["must say at least one of status, owner and note"]})
    if "status" in body.model_fields_set and body.status is None:
        raise Invalid({"status": ["must be open, investigating, fixed or ignored"]})
    seen, state = Seen(), services()
    with state.database.write(seen.organization_id, Urgency.PEOPLE) as session:
        found = seen_incident(session, seen, path.incident_id, to_change=True)
        was = owner_of(session, found)
        handled = Handled(status=UNSET if body.status is None else body.status, note=body.note or "")
        if "owner" in body.model_fields_set:
            handled.owner = None if body.owner is None else _member(session, body.owner)
        handle_incident(
            session, found, handled, by=caller().name, was_owner=was,
            now_ms=state.database.now_ms(session),
        )  # fmt: skip
        shown = whole_incident(session, seen, found)
    return json_response(shown)


def _member(session: Session, named: str) -> tuple[str, str]:
    found = member_known_as(session, named) if "\0" not in named else None
    if found is None:
        raise Invalid({"owner": ["must be a member of the workspace, by id or email"]})
    return found


def _place(cursor: str) -> tuple[int, str]:
    last_ms, _, incident_id = cursor.partition("-")
    return int(last_ms), incident_id
