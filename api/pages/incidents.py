"""/incidents: failures that are one, by how they stand; and /incidents/:id: what it happened to, whose it is, and what
was said and tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from pydantic import ValidationError
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.agent_access import Seen
from api.errors import Invalid
from api.incident_access import seen_incident
from api.incidents import IncidentPath, change_incident
from api.pages.agents import STATES, run_path
from api.pages.forms import beside
from api.pages.gate import page
from api.pages.rendering import go_to, render
from api.pages.reported import address, chosen_project
from api.pages.words import listed
from api.schemas.incidents import IncidentUpdate
from api.services import services
from model.validation import field_errors
from store.alerts import get_alert
from store.check_choices import check_names
from store.incident_failures import ALERT, CHECK, SESSION
from store.incident_tables import Incident, IncidentMember
from store.incidents import STATUSES, IncidentFilter, changes_of, count_members, list_incidents, newest_members
from store.members import list_members, member_known_as
from store.people_tables import Membership, Person
from store.sessions import EVERY_ORGANIZATION
from telemetry.agents.detectors.registry import LABELS
from telemetry.agents.stored.analyses import get_analysis
from telemetry.agents.stored.sessions import get_session

pages = Blueprint("incident_pages", __name__)
HERE = "/incidents"
PER_COLUMN = 20
PER_PAGE = 50
MOST_MEMBERS = 20
_MOST_PEOPLE = 200
CSS = {"open": "down", "investigating": "acknowledged", "fixed": "up", "ignored": "unknown"}
"""Of a status, the mark that pages show."""
_WORDS = {SESSION: ("run of an agent", "runs of agents"), CHECK: ("journey", "journeys"), ALERT: ("alert", "alerts")}
_DONE = {"saved": "It is saved, and stands in the history."}
_FIELDS = ("status", "owner", "note")


@dataclass(frozen=True)
class Card:
    """An incident on the board. `of`: what it happened to, in words."""

    incident: Incident
    owner: str
    of: str


@dataclass(frozen=True)
class AgentRun:
    """A run of an agent that is part of an incident. None: what has aged out."""

    id: str
    href: str
    name: str
    agent: str
    css: str
    summary: str
    last_ms: int


@pages.get(HERE)
@page(Scope.READ)
def board() -> Response:
    """A column for each status; or the list of one."""
    chosen, status, label = chosen_project(), request.args.get("status", ""), request.args.get("label", "")
    for name, value, known in (("status", status, STATUSES), ("label", label, LABELS)):
        if value and value not in known:
            raise Invalid({name: [f"must be one of {', '.join(known)}"]})
    seen, cursor = Seen(), _place()
    projects = chosen.numbers if chosen.slug else seen.open
    state = services()
    columns, following = [], None
    with state.database.read(seen.organization_id) as session:
        now_ms = state.database.now_ms(session)
        for each in STATUSES if not status else (status,):
            limit = PER_PAGE if status else PER_COLUMN
            wanted = IncidentFilter(projects=projects, status=each, label=label or None, before=cursor)
            found = list_incidents(session, wanted, limit + 1)
            columns.append((each, [_card(session, seen, one) for one in found[:limit]], len(found) > limit))
            if status and len(found) > limit:
                following = f"{found[limit - 1].last_ms}-{found[limit - 1].id}"
    given = {"project": chosen.slug, "status": status, "label": label}
    return render(
        "incidents.html",
        columns=columns,
        heading=_heading(columns),
        marks=CSS,
        chosen=chosen,
        given=given,
        labels=LABELS,
        quiet=not any(cards for _, cards, _ in columns) and not any(given.values()) and cursor is None,
        following=following,
        live=cursor is None,
        address=lambda **changed: address(HERE, given, changed),
        now_ms=now_ms,
    )


@pages.get(f"{HERE}/<incident_id>")
@page(Scope.READ)
def incident_page(incident_id: str) -> Response:
    """One of them."""
    return _one(incident_id, done=_DONE.get(request.args.get("done", "")))


@pages.post(f"{HERE}/<incident_id>")
@page(Scope.WRITE)
def change_incident_here(incident_id: str) -> Response:
    """How it stands, whose it is, a note. What was not changed stays as it is."""
    given: dict[str, Any] = {}
    if (status := request.form.get("status", "")) != "":
        given["status"] = status
    if "owner" in request.form:
        given["owner"] = request.form["owner"] or None
    if note := request.form.get("note", "").replace("\r\n", "\n").strip():
        given["note"] = note
    try:
        change_incident(_path(incident_id), IncidentUpdate.model_validate(given))
    except ValidationError as error:
        return _one(incident_id, field_errors(error), 422)
    except Invalid as error:
        return _one(incident_id, error.fields, error.status)
    return go_to(f"{HERE}/{incident_id}?done=saved")


def _one(
    incident_id: str, wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, *, done: str | None = None
) -> Response:
    seen, state = Seen(), services()
    with state.database.read(seen.organization_id) as session:
        now_ms = state.database.now_ms(session)
        found = seen_incident(session, seen, incident_id)
        checks = newest_members(session, found.id, CHECK, MOST_MEMBERS)
        alerts = newest_members(session, found.id, ALERT, MOST_MEMBERS)
        runs = newest_members(session, found.id, SESSION, MOST_MEMBERS, seen.open)
        people, _ = list_members(session, limit=_MOST_PEOPLE)
        shown = {
            "owner": _owner(session, found),
            "counts": count_members(session, found.id, seen.open),
            "names": check_names(session, [each.member for each in checks]),
            "alerts": [(each, get_alert(session, each.member)) for each in alerts],
            "changes": changes_of(session, found.id),
        }
    return render(
        "incident.html",
        status,
        no_store=True,
        incident=found,
        checks=checks,
        runs=_runs(seen, runs),
        people=[(member.id, _known(member, person)) for member, person in people],
        kinds=_WORDS,
        statuses=STATUSES,
        marks=CSS,
        typed=request.form,
        wrong=beside(wrong, _FIELDS),
        done=done,
        now_ms=now_ms,
        **shown,
    )


def _runs(seen: Seen, members: Sequence[IncidentMember]) -> list[AgentRun]:
    """As the other store knows them."""
    found = []
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        for member in members:
            run = get_session(session, seen.organization_id, member.member)
            analysis = get_analysis(session, seen.organization_id, run.number) if run is not None else None
            found.append(
                AgentRun(
                    id=member.member,
                    href=run_path(member.member) if run is not None else "",
                    name=run.name if run is not None else "A run that is not kept any more",
                    agent=run.agent if run is not None else "",
                    css=STATES.get(run.status, "unknown") if run is not None else "unknown",
                    summary=analysis.analysis.summary if analysis is not None else "",
                    last_ms=member.last_ms,
                )
            )
    return found


def _card(session: Session, seen: Seen, incident: Incident) -> Card:
    counts = count_members(session, incident.id, seen.open)
    said = [f"{counts[kind]:,} {words[counts[kind] != 1]}" for kind, words in _WORDS.items() if counts.get(kind)]
    return Card(incident, _owner(session, incident), listed(said))


def _owner(session: Session, incident: Incident) -> str:
    owner = None if incident.owner_id is None else member_known_as(session, incident.owner_id)
    return "" if owner is None else owner[1]


def _known(member: Membership, person: Person | None) -> str:
    if person is not None:
        return f"{person.name} ({person.email})" if person.name else person.email
    return member.email or member.id


def _heading(columns: Sequence[tuple[str, Sequence[Card], bool]]) -> str:
    said = [f"{len(cards)}{'+' if more else ''} {status}" for status, cards, more in columns if cards]
    return listed(said) if said else "No incident"


def _path(incident_id: str) -> IncidentPath:
    """NotFound for one that is not theirs, before anything of the form is read."""
    seen = Seen()
    with services().database.read(caller().organization_id) as session:
        seen_incident(session, seen, incident_id)
    return IncidentPath.model_construct(incident_id=incident_id)


def _place() -> tuple[int, str] | None:
    """Where the page before ended. Invalid."""
    cursor = request.args.get("cursor", "")
    last_ms, _, incident_id = cursor.partition("-")
    if not cursor:
        return None
    if not (last_ms.isascii() and last_ms.isdigit() and len(last_ms) < 16 and len(incident_id) < 41):
        raise Invalid({"cursor": ["is not one of ours"]})
    return int(last_ms), incident_id
