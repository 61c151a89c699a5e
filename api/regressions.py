"""/api/incidents/:id/regression-runs: whether an incident's failures are over, proven on what came after (seed 002).

Here it is written down what is to be proven, and linked checks are asked for a run, in one transaction; the scheduler
judges (telemetry/agents/regressing).
"""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.agent_access import Seen
from api.envelope import json_response
from api.errors import Conflict, Invalid, no_such
from api.fix_shape import regression_shape
from api.incident_access import seen_incident
from api.incidents import IncidentPath
from api.routes import Routes
from api.schemas.bare import BareError
from api.schemas.fixes import RegressionRequest
from api.schemas.fixes import RegressionRun as RegressionAnswer
from api.services import services
from model.outcome import Trigger
from model.times import parse_iso
from store.alert_tables import Alert
from store.audit import Target, note
from store.by_hand import ask_for_runs, lock_check_of
from store.fixes import newest_fixes
from store.incident_failures import ALERT, CHECK
from store.incident_tables import Incident
from store.incidents import FIXED, get_incident, newest_members
from store.regressions import TOPIC, NewRegression, add_regression, get_regression, running_regression
from store.sessions import EVERY_ORGANIZATION
from store.wakeups import wake
from store.write_lock import Urgency

MOST_CHECKS = 20
"""Journeys and monitors that are run again: those that failed last."""
routes = Routes("Regression runs", "Whether an incident's failures are over.", BareError)


class RegressionPath(IncidentPath):
    regression_run_id: Annotated[str, Field(pattern=r"^reg_[0-9a-z]{6,36}$", description="The run's id")]


@routes.post(
    "/api/incidents/<incident_id>/regression-runs", needs=Scope.WRITE, answers=RegressionAnswer, status=202,
    errors=(403, 409), tokens=True,
)  # fmt: skip
def start_regression(path: IncidentPath, body: RegressionRequest) -> Response:
    """Prove whether an incident is fixed.

    Its recorded sessions are replayed through the detectors as they are today, against the sessions of the same agents
    since the fix; its journeys and monitors are run again, which pages nobody. `fixed`: something since came past where
    the incident begins and went well, and nothing shows it again. The verdict changes no status of the incident. 409
    while one is running.
    """
    seen, state = Seen(), services()
    with state.database.read(seen.organization_id) as session:
        seen_incident(session, seen, path.incident_id, to_change=True)
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        incident = get_incident(session, path.incident_id, lock=True)
        if incident is None or incident.organization_id != seen.organization_id:
            raise no_such("incident", path.incident_id)
        if running_regression(session, incident.id) is not None:
            raise Conflict("A regression run of this incident is running: `regression` of the incident shows it")
        now_ms = state.database.now_ms(session)
        since_ms = _since(session, incident, body, now_ms)
        asked = _run_again(session, incident, now_ms)
        row = add_regression(session, incident, NewRegression(since_ms, asked, caller().name), now_ms)
        incident.touched_ms = now_ms
        target = Target("incident", incident.id, incident.title)
        said = {"regression_run_id": row.id, "run_ids": [each["run_id"] for each in asked]}
        note(session, seen.organization_id, "incident.regression_started", target, after=said)
        wake(session, TOPIC)
        shown = regression_shape(seen, row)
    return json_response(shown, 202)


@routes.get(
    "/api/incidents/<incident_id>/regression-runs/<regression_run_id>", needs=Scope.READ, answers=RegressionAnswer,
    errors=(403,), tokens=True, pages=True,
)  # fmt: skip
def show_regression(path: RegressionPath) -> Response:
    """Get a regression run, with its evidence once it is judged."""
    seen = Seen()
    with services().database.read(seen.organization_id) as session:
        incident = seen_incident(session, seen, path.incident_id)
        row = get_regression(session, path.regression_run_id)
        if row is None or row.incident_id != incident.id:
            raise no_such("regression run", path.regression_run_id)
        shown = regression_shape(seen, row)
    return json_response(shown)


def _since(session: Session, incident: Incident, body: RegressionRequest, now_ms: int) -> int:
    """What comes then or later is after the fix. Invalid."""
    if body.since is not None:
        since_ms = parse_iso(body.since)
        if since_ms > now_ms:
            raise Invalid({"since": ["must not lie in the future"]})
        return since_ms
    if incident.status == FIXED and incident.fixed_ms is not None:
        return incident.fixed_ms
    fix = newest_fixes(session, [incident.id]).get(incident.id)
    return now_ms if fix is None else fix.done_ms or fix.created_ms


def _run_again(session: Session, incident: Incident, now_ms: int) -> list[dict[str, str]]:
    """A run of each linked check at each of its locations: of journeys, and of what alerts were about. Heartbeats wait
    for pings, and deleted checks are gone."""
    journeys = [each.member for each in newest_members(session, incident.id, CHECK, MOST_CHECKS)]
    told = [each.member for each in newest_members(session, incident.id, ALERT, MOST_CHECKS)]
    alerts = [session.get(Alert, each) for each in told]
    linked = dict.fromkeys([*journeys, *(each.check_id for each in alerts if each is not None)])
    asked: list[dict[str, str]] = []
    for check_id in sorted(list(linked)[:MOST_CHECKS]):
        check = lock_check_of(session, incident.organization_id, check_id)
        if check is None or check.kind == "heartbeat":
            continue
        asked += [
            {"run_id": run.run_id, "check_id": check.id, "name": check.name, "location": run.location}
            for run in ask_for_runs(session, check, check.locations, Trigger.MANUAL, now_ms)
        ]
    return asked
