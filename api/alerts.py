"""/v1/alerts: what is wrong, who has it, and how it went; acknowledge and resolve."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from flask import Response
from pydantic import Field, StringConstraints, model_validator
from sqlalchemy.orm import Session

from alerts.lifecycle import AlreadyResolvedError, acknowledge, resolve_by_hand
from alerts.payload import alert_shape
from api.access import Scope, caller
from api.envelope import success
from api.errors import Conflict, no_such
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.alerts import AlertAnswer, AlertList, AlertStatus, NoteRequest, Severity
from api.services import services
from api.several import MOST_CHARACTERS, one_or_more_of, parts
from model.fields import Tag
from model.times import iso
from model.validation import FieldsError
from store.alert_tables import Alert
from store.alerts import AlertFilter, events_of, get_alert, list_alerts, lock_alert
from store.notifications import notifications_of
from store.write_lock import Urgency

routes = Routes("Alerts", "What is wrong now, and what was: with the runs that prove it and who was told.")

_Several = StringConstraints(min_length=1, max_length=MOST_CHARACTERS)
Statuses = Annotated[str, _Several, one_or_more_of(get_args(AlertStatus), "status")]
Severities = Annotated[str, _Several, one_or_more_of(get_args(Severity), "severity")]


class AlertPath(PathModel):
    alert_id: Annotated[str, Field(pattern=r"^alr_[0-9a-z]{6,40}$", description="The alert's id")]


class AlertsQuery(Page):
    """Which alerts."""

    status: Annotated[Statuses | None, Field(description="Only with one of these, comma-separated")] = None
    severity: Annotated[Severities | None, Field(description="Only with one of these, comma-separated")] = None
    monitor_id: Annotated[str | None, Field(pattern=r"^mon_[0-9a-z]{6,40}$", description="Only of this one")] = None
    journey_id: Annotated[str | None, Field(pattern=r"^jny_[0-9a-z]{6,40}$", description="Only of this one")] = None
    rule_id: Annotated[str | None, Field(pattern=r"^rule_[0-9a-z]{6,40}$", description="Only by this rule")] = None
    tag: Annotated[Tag | None, Field(description="Only of checks that have this tag now")] = None
    project_id: Annotated[str | None, Field(pattern=r"^proj_[0-9a-z]{6,40}$", description="Only of this one")] = None
    issue_id: Annotated[str | None, Field(pattern=r"^iss_[0-9a-z]{6,20}$", description="Only of this one")] = None

    @model_validator(mode="after")
    def _of_one_thing(self) -> AlertsQuery:
        given = [name for name in ("monitor_id", "journey_id", "project_id") if getattr(self, name) is not None]
        if len(given) > 1:
            raise FieldsError({given[1]: f"give either {' or '.join(given)}: an alert is about one of them"})
        return self


@routes.get("/v1/alerts", needs=Scope.READ, answers=AlertList)
def list_all_alerts(query: AlertsQuery) -> Response:
    """List alerts, newest first."""
    wanted = AlertFilter(
        statuses=parts(query.status),
        severities=parts(query.severity),
        check_id=query.monitor_id or query.journey_id or query.project_id,
        issue_id=query.issue_id,
        projects=caller().projects,
        rule_id=query.rule_id,
        tag=query.tag,
    )
    with services().database.read(caller().organization_id) as session:
        found, total = list_alerts(session, wanted, (query.offset, query.per_page))
        told = notifications_of(session, [alert.id for alert in found])
    return success([alert_shape(alert, told[alert.id]) for alert in found], meta=page_meta(query, total))


@routes.get("/v1/alerts/<alert_id>", needs=Scope.READ, answers=AlertAnswer)
def show_alert(path: AlertPath) -> Response:
    """Get an alert, with its timeline."""
    with services().database.read(caller().organization_id) as session:
        alert = _seen(get_alert(session, path.alert_id), path.alert_id)
        return success(_detail(session, alert))


@routes.post("/v1/alerts/<alert_id>/acknowledge", needs=Scope.WRITE, answers=AlertAnswer, errors=(409,))
def acknowledge_alert(path: AlertPath, body: NoteRequest) -> Response:
    """Say that somebody has it: reminders stop.

    A second time adds its note, if there is a new one, and changes nothing else. A resolved alert can't be acknowledged
    (409).
    """
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        alert = _locked(session, path.alert_id)
        try:
            acknowledge(session, alert, by=caller().name, note=body.note, now_ms=state.database.now_ms(session))
        except AlreadyResolvedError:
            raise Conflict("This alert is resolved already: there is nothing left to acknowledge") from None
        shown = _detail(session, alert)
    return success(shown)


@routes.post("/v1/alerts/<alert_id>/resolve", needs=Scope.WRITE, answers=AlertAnswer)
def resolve_alert(path: AlertPath, body: NoteRequest) -> Response:
    """Say that it is over. A second time changes nothing.

    Its rule stays quiet for this check until the first good run, or for 60 minutes of failure.
    """
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        alert = _locked(session, path.alert_id)
        resolve_by_hand(session, alert, by=caller().name, note=body.note, now_ms=state.database.now_ms(session))
        shown = _detail(session, alert)
    return success(shown)


def _locked(session: Session, alert_id: str) -> Alert:
    return _seen(lock_alert(session, alert_id), alert_id)


def _seen(alert: Alert | None, alert_id: str) -> Alert:
    """NotFound, also for one of a project that the caller may not see."""
    if alert is None or (alert.project_id is not None and not caller().may_see(alert.project_id)):
        raise no_such("alert", alert_id)
    return alert


def _detail(session: Session, alert: Alert) -> dict[str, Any]:
    """With what was told of it, and its story."""
    session.flush()
    lines = [
        {"at": iso(line.at_ms), "kind": line.kind, "by": line.by, "text": line.detail, "run_id": line.run_id}
        for line in events_of(session, alert.id)
    ]
    return {**alert_shape(alert, notifications_of(session, [alert.id])[alert.id]), "timeline": lines}
