"""/incidents/:id: what an incident happened to, whose it is, what was said of it, and what was tried against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from pydantic import ValidationError

from api.access import Scope, caller
from api.agent_access import Seen
from api.errors import Conflict, Invalid, NotFound
from api.fix_projects import repositories_for
from api.fix_shape import fix_shape, regression_shape
from api.fixes import ask_for_fix
from api.incident_access import owner_of, seen_incident
from api.incidents import IncidentPath, change_incident
from api.pages.agents import STATES, run_path
from api.pages.diff_view import MOST_LINES, DiffView, diff_view
from api.pages.forms import beside
from api.pages.gate import page
from api.pages.incidents import CSS, HERE
from api.pages.rendering import go_to, render
from api.regressions import start_regression
from api.schemas.fixes import FixQuery, FixRequest, RegressionRequest
from api.schemas.incidents import IncidentUpdate
from api.services import services
from model.times import parse_iso
from model.validation import field_errors
from store.alerts import get_alert
from store.check_choices import check_names
from store.fix_tables import IncidentFix
from store.fixes import fixes_of
from store.incident_failures import ALERT, CHECK, SESSION
from store.incident_tables import IncidentMember
from store.incidents import STATUSES, changes_of, count_members, newest_members
from store.members import list_members
from store.people_tables import Membership, Person
from store.regressions import RUNNING, newest_regressions
from store.sessions import EVERY_ORGANIZATION
from telemetry.agents.stored.analyses import get_analysis
from telemetry.agents.stored.sessions import get_session

pages = Blueprint("incident_page", __name__)
MOST_MEMBERS = 20
_MOST_PEOPLE = 200
_MOST_EARLIER = 300
"""Lines of a diff that was proposed before the newest fix."""
_DONE = {
    "saved": "It is saved, and stands in the history.",
    "fix": "A fix was asked for: it is shown here as soon as it is there.",
    "regression": "It is being proven: sessions are replayed, and linked checks run again.",
}
VERDICTS = {"fixed": "up", "not_fixed": "down", "inconclusive": "unknown"}
"""Of a regression run, the mark that pages show."""
OUTCOMES = {
    "again": ("down", "shows it"),
    "clear": ("up", "went well"),
    "elsewhere": ("unknown", "went well, but never came there"),
    "otherwise": ("degraded", "went wrong otherwise"),
    "unknown": ("unknown", "not measured"),
}
"""Of a session or a run, its mark and what it says about the incident."""
_FIELDS = ("status", "owner", "note", "project_id")


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


@pages.get(f"{HERE}/<incident_id>")
@page(Scope.READ)
def incident_page(incident_id: str) -> Response:
    """One of them."""
    return _one(incident_id, done=request.args.get("done", ""))


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


@pages.post(f"{HERE}/<incident_id>/fix")
@page(Scope.WRITE)
def ask_for_fix_here(incident_id: str) -> Response:
    """A fix, which is shown once it is there."""
    path = _path(incident_id)
    given = {"project_id": named} if (named := request.form.get("project_id", "")) else {}
    try:
        ask_for_fix(path, FixQuery(wait=0), FixRequest.model_validate(given))
    except ValidationError as error:
        return _one(incident_id, field_errors(error), 422)
    except NotFound:
        return _one(incident_id, {"project_id": ["is none of this workspace any more: choose another"]}, 422)
    except Invalid as error:
        return _one(incident_id, error.fields, error.status)
    except Conflict as error:
        return _one(incident_id, {"": [error.message]}, error.status)
    return go_to(f"{HERE}/{incident_id}?done=fix#fix")


@pages.post(f"{HERE}/<incident_id>/regression")
@page(Scope.WRITE)
def start_regression_here(incident_id: str) -> Response:
    """The proof that it is over, which is shown once it is there."""
    try:
        start_regression(_path(incident_id), RegressionRequest())
    except (Conflict, Invalid) as error:
        return _one(incident_id, {"": [error.message]}, error.status)
    return go_to(f"{HERE}/{incident_id}?done=regression#regression")


def _one(
    incident_id: str, wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, *, done: str = ""
) -> Response:
    """`done`: the deed that led here, of _DONE."""
    seen, state = Seen(), services()
    with state.database.read(seen.organization_id) as session:
        now_ms = state.database.now_ms(session)
        found = seen_incident(session, seen, incident_id)
        checks = newest_members(session, found.id, CHECK, MOST_MEMBERS)
        alerts = newest_members(session, found.id, ALERT, MOST_MEMBERS)
        runs = newest_members(session, found.id, SESSION, MOST_MEMBERS, seen.open)
        people, _ = list_members(session, limit=_MOST_PEOPLE)
        shown: dict[str, Any] = {
            "owner": owner_of(session, found),
            "counts": count_members(session, found.id, seen.open),
            "names": check_names(session, [each.member for each in checks]),
            "alerts": [(each, get_alert(session, each.member)) for each in alerts],
            "repositories": repositories_for(session, seen, found),
            "changes": changes_of(session, found.id),
            "fixes": _fixes(fixes_of(session, found.id)),
            "regression": None
            if (proof := newest_regressions(session, [found.id]).get(found.id)) is None
            else regression_shape(seen, proof),
        }
    if done == "regression" and shown["regression"] is not None and shown["regression"]["status"] != RUNNING:
        done = ""  # what came of it stands below
    return render(
        "incident.html",
        status,
        no_store=True,
        incident=found,
        checks=checks,
        runs=_runs(seen, runs),
        people=[(member.id, _known(member, person)) for member, person in people],
        statuses=STATUSES,
        marks=CSS,
        verdicts=VERDICTS,
        outcomes=OUTCOMES,
        run_path=run_path,
        ms=parse_iso,
        typed=request.form,
        asks=bool(state.settings.fix_words),
        wrong=beside(wrong, _FIELDS),
        done=_DONE.get(done),
        now_ms=now_ms,
        **shown,
    )


def _fixes(rows: Sequence[IncidentFix]) -> list[tuple[dict[str, Any], DiffView | None]]:
    """Those that may be seen with their diffs, the newest first; of an earlier diff its beginning."""
    shapes = [shape for row in rows if (shape := fix_shape(row)) is not None]
    most = (MOST_LINES, *(_MOST_EARLIER for _ in shapes[1:]))
    return [
        (shape, diff_view(shape["diff"], lines) if shape["diff"] else None)
        for shape, lines in zip(shapes, most, strict=False)
    ]


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


def _known(member: Membership, person: Person | None) -> str:
    if person is not None:
        return f"{person.name} ({person.email})" if person.name else person.email
    return member.email or member.id


def _path(incident_id: str) -> IncidentPath:
    """NotFound for one that is not theirs, before anything of the form is read."""
    seen = Seen()
    with services().database.read(caller().organization_id) as session:
        seen_incident(session, seen, incident_id)
    return IncidentPath.model_construct(incident_id=incident_id)
