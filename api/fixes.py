"""/api/incidents/:id/fix-agent: a plan and a diff for an incident, or a labelled fallback (seed 002).

What is asked for is stored before anything is done, and done by the scheduler (telemetry/agents/fixing): an answer that
nobody waits for is not lost. Where there is nothing to ask, the fallback is made here.
"""

from __future__ import annotations

import threading
import time
from typing import Annotated

from flask import Response
from pydantic import Field

from api.access import Scope, caller
from api.agent_access import Seen
from api.envelope import json_response
from api.errors import Conflict, no_such
from api.fix_projects import project_with_repository, repositories_for
from api.fix_shape import fix_shape
from api.incident_access import seen_incident
from api.incidents import IncidentPath
from api.routes import Routes
from api.schemas.bare import BareError
from api.schemas.fixes import Fix, FixQuery, FixRequest
from api.services import services
from store.audit import Target, note
from store.fix_tables import IncidentFix
from store.fixes import RUNNING, TOPIC, NewFix, add_fix, get_fix, running_fix
from store.wakeups import wake
from store.write_lock import Urgency
from telemetry.agents.fixing.outcomes import NOBODY_TO_ASK, Outcome, settle

MOST_WAITING = 2
"""Requests that wait in this process: others are answered at once, since waiting takes a thread."""
_waiters = threading.BoundedSemaphore(MOST_WAITING)
routes = Routes("Fixes", "What to do about an incident: a plan, and a diff where there is one.", BareError)


class FixPath(IncidentPath):
    fix_id: Annotated[str, Field(pattern=r"^fix_[0-9a-z]{6,36}$", description="The fix's id")]


@routes.post(
    "/api/incidents/<incident_id>/fix-agent", needs=Scope.WRITE, answers=Fix, errors=(403, 409), also={202: Fix},
    tokens=True,
)  # fmt: skip
def ask_for_fix(path: IncidentPath, query: FixQuery, body: FixRequest) -> Response:
    """Ask for a fix of an incident.

    `proposed`: a plan, and a diff that applies cleanly to the project's repository. `fallback`: the plan that the label
    is known for, with the reason. 202 with `running` when it has not ended by then: `fix` of the incident shows it.
    409 while another is being made.
    """
    seen, state = Seen(), services()
    named = None if body.project_id is None else project_with_repository(seen, body.project_id)
    with state.database.write(seen.organization_id, Urgency.PEOPLE) as session:
        incident = seen_incident(session, seen, path.incident_id, to_change=True)
        if running_fix(session, incident.id) is not None:
            raise Conflict("A fix of this incident is being made: `fix` of the incident shows it")
        usual = repositories_for(session, seen, incident)
        project = named or usual.usual
        now_ms = state.database.now_ms(session)
        fix = add_fix(session, incident, NewFix(None if project is None else project.id, caller().name), now_ms)
        target = Target("incident", incident.id, incident.title)
        asked = {"fix_id": fix.id, "project_id": fix.project_id}
        note(session, seen.organization_id, "incident.fix_requested", target, after=asked)
        if not state.settings.fix_words:
            settle(session, incident, fix, Outcome(reason=NOBODY_TO_ASK), now_ms)
        elif project is None:
            settle(session, incident, fix, Outcome(reason=usual.missing), now_ms)
        incident.touched_ms = now_ms
        wake(session, TOPIC)
        fix_id = fix.id
    done = _ended(seen.organization_id, fix_id, query.wait)
    return json_response(fix_shape(done), 202 if done.status == RUNNING else 200)


@routes.get(
    "/api/incidents/<incident_id>/fixes/<fix_id>", needs=Scope.READ, answers=Fix, errors=(403,), tokens=True, pages=True
)
def show_fix(path: FixPath) -> Response:
    """Get one of an incident's fixes, earlier ones too, with its plan and its diff."""
    seen = Seen()
    with services().database.read(seen.organization_id) as session:
        incident = seen_incident(session, seen, path.incident_id)
        row = get_fix(session, path.fix_id)
        shown = fix_shape(row) if row is not None and row.incident_id == incident.id else None
    if shown is None:
        raise no_such("fix", path.fix_id)
    return json_response(shown)


def _ended(organization_id: str, fix_id: str, wait_s: float) -> IncidentFix:
    """A fix as it is once it has ended, or so long from now. NotFound."""
    state = services()
    woken = threading.Event()
    waits = wait_s > 0 and _waiters.acquire(blocking=False)
    unsubscribe = state.database.wakeups.subscribe(TOPIC, woken.set)
    ends_at = time.monotonic() + (wait_s if waits else 0)
    try:
        while True:
            woken.clear()
            with state.database.read(organization_id) as session:
                found = get_fix(session, fix_id)
            if found is None:
                raise no_such("fix", fix_id)
            left_s = ends_at - time.monotonic()
            if left_s <= 0 or found.status != RUNNING:
                return found
            woken.wait(min(left_s, 1.0))
    finally:
        unsubscribe()
        if waits:
            _waiters.release()
