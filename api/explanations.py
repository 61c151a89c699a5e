"""Why somebody was told, or was not: of a run, and of a monitor or journey at an instant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from flask import Response
from pydantic import Field

from alerts.explaining import Explained, decisions_of, why
from api.access import Scope, caller
from api.check_requests import find
from api.envelope import success
from api.errors import no_such
from api.families import JOURNEY, MONITOR, Family
from api.journeys import JourneyPath
from api.monitors import MonitorPath
from api.routes import QueryModel, Routes
from api.runs import RunPath
from api.schemas.decisions import DecisionsAnswer
from api.services import services
from model.fields import Instant
from model.times import iso, parse_iso
from store.runs import run_by_id
from store.sessions import EVERY_ORGANIZATION

routes = Routes("Explanations", "Why was I told, or not: the chain of decisions, computed by the function that judged.")


class WhyQuery(QueryModel):
    """When."""

    at: Annotated[Instant | None, Field(description="ISO 8601; default: now")] = None


@routes.get("/v1/runs/<run_id>/decisions", needs=Scope.READ, answers=DecisionsAnswer)
def list_decisions(path: RunPath) -> Response:
    """Tell what each rule made of a run: one entry a rule that covers its monitor, none for a run that passed."""
    with services().database.read(EVERY_ORGANIZATION) as session:
        run = run_by_id(session, path.run_id)
        if run is None or run.organization_id != caller().organization_id:
            raise no_such("run", path.run_id)
        found = decisions_of(session, run)
    return success(_shapes(found))


@routes.get("/v1/monitors/<monitor_id>/why", needs=Scope.READ, answers=DecisionsAnswer)
def explain_monitor(path: MonitorPath, query: WhyQuery) -> Response:
    """Tell what each rule made of the last runs of a monitor before an instant, at each of its locations."""
    return _why(MONITOR, path.monitor_id, query)


@routes.get("/v1/journeys/<journey_id>/why", needs=Scope.READ, answers=DecisionsAnswer)
def explain_journey(path: JourneyPath, query: WhyQuery) -> Response:
    """Tell what each rule made of the last runs of a journey before an instant, at each of its locations."""
    return _why(JOURNEY, path.journey_id, query)


def _why(family: Family, check_id: str, query: WhyQuery) -> Response:
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        check = find(family, session, check_id)
        if check.organization_id != caller().organization_id:
            raise no_such(family.noun, check_id)
        found = why(session, check, state.database.now_ms(session) if query.at is None else parse_iso(query.at))
    return success(_shapes(found))


def _shapes(found: Iterable[Explained]) -> list[dict[str, Any]]:
    return [
        {
            "at": iso(each.at_ms),
            "rule_id": each.rule_id,
            "outcome": each.outcome,
            "detail": each.detail,
            "alert_id": each.alert_id,
        }
        for each in found
    ]
