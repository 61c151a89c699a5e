"""/v1/alerts/rules: which events are worth telling somebody; and /v1/alerts/firings: when they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from flask import Response, request
from pydantic import Field
from sqlalchemy.orm import Session

from alerts.edits import after_rule_delete, after_rule_edit, judges_otherwise
from api.access import Scope, caller
from api.envelope import json_response
from api.errors import no_such
from api.project_access import Visible, queried, visible
from api.routes import PathModel, Routes
from api.schemas.bare import BareDeleted, BareError
from api.schemas.event_rules import (
    EventRuleChange,
    EventRuleList,
    EventRuleQuery,
    FiringPage,
    FiringQuery,
    NewEventRule,
    StoredEventRule,
)
from api.services import services
from api.targets import refuse, unknown_channels
from api.typed_document import each_once, judged, merged
from api.yaml_body import read_document
from model.times import iso
from store import alert_rules as stored
from store.alert_channels import working_channels
from store.alert_tables import OF_PROJECTS, AlertRule, Notification
from store.firing_tables import Firing
from store.firings import list_firings, told_by
from store.write_lock import Urgency
from telemetry.judged import event_rule
from telemetry.rules import EventRule

routes = Routes("Rules on events", "Which events are worth telling somebody, and when they were.", BareError)
_MEANS = {415: "The body is declared neither as JSON nor as YAML"}
READ_ONLY = ("id", "project_id", "warnings", "created_at", "updated_at")


class EventRulePath(PathModel):
    event_rule_id: Annotated[str, Field(pattern=r"^rule_[0-9a-z]{6,40}$", description="The rule's id")]


@routes.get("/v1/alerts/rules", needs=Scope.READ, answers=EventRuleList)
def list_event_rules(query: EventRuleQuery) -> Response:
    """List rules on events, newest first."""
    return json_response(seen_event_rules(query.project))


@routes.post(
    "/v1/alerts/rules", needs=Scope.WRITE, answers=StoredEventRule, accepts=NewEventRule, status=201,
    errors=(400, 413, 415), means=_MEANS,
)  # fmt: skip
def create_event_rule() -> Response:
    """Make a rule on events, as JSON or as YAML. It judges what arrives from now on.

    It holds for each group of events by itself: when `threshold` of them that the query is true of have arrived within
    `window`. Then there is an alert, which stands in `/v1/alerts` with `project_id` and `issue_id`, and is told to
    `channels`. One alert may be open for a rule and group; while events go on and nobody has acknowledged it, its
    channels are told again after each `cooldown`. It resolves when no such event has arrived for a whole `window`, or
    its issue is resolved or ignored.
    """
    return json_response(make_event_rule(read_document(request)), 201)


@routes.get("/v1/alerts/rules/<event_rule_id>", needs=Scope.READ, answers=StoredEventRule)
def show_event_rule(path: EventRulePath) -> Response:
    """Get a rule on events."""
    return json_response(seen_event_rule(path.event_rule_id))


@routes.put(
    "/v1/alerts/rules/<event_rule_id>", needs=Scope.WRITE, answers=StoredEventRule, accepts=EventRuleChange,
    errors=(400, 413, 415), means=_MEANS,
)  # fmt: skip
def change_event_rule(path: EventRulePath) -> Response:
    """Change a rule on events, switch it off (`enabled: false`) or on.

    Fields given replace what is stored. Alerts that it would judge otherwise now are resolved with that reason; another
    name, severity, channel or cooldown leaves them open.
    """
    return json_response(change_to_event_rule(path.event_rule_id, read_document(request)))


@routes.delete("/v1/alerts/rules/<event_rule_id>", needs=Scope.WRITE, answers=BareDeleted)
def delete_event_rule(path: EventRulePath) -> Response:
    """Delete a rule on events. Its open alerts are resolved with that reason."""
    remove_event_rule(path.event_rule_id)
    return json_response({"id": path.event_rule_id, "deleted": True})


@routes.get("/v1/alerts/firings", needs=Scope.READ, answers=FiringPage)
def list_of_firings(query: FiringQuery) -> Response:
    """List firings, newest first: when which rule held for which group, and what became of the notices.

    One of the 60 questions a minute that each token may ask, as `/v1/query` has it.
    """
    projects = queried(query.project)
    with services().database.read(caller().organization_id) as session:
        found = list_firings(session, _ids(projects), rule_id=query.rule_id, before=query.cursor, limit=query.limit + 1)
        shown = found[: query.limit]
        told = told_by(session, shown)
    cursor = shown[-1].id if len(found) > query.limit else None
    return json_response({"firings": [_firing(each, told[each.id]) for each in shown], "cursor": cursor})


def seen_event_rules(named: str | None = None) -> list[dict[str, Any]]:
    """Those of the projects that the caller may see, or of the one that is named; newest first. Forbidden."""
    projects = visible(named)
    with services().database.read(caller().organization_id) as session:
        return [_shape(session, rule, projects) for rule in stored.list_event_rules(session, _ids(projects))]


def make_event_rule(document: Mapping[str, Any]) -> dict[str, Any]:
    """A new rule, as it is answered. Invalid, Forbidden."""
    state, who = services(), caller()
    definition, projects = _judged(document)
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        refuse(unknown_channels(session, definition.channels))
        rule = stored.create_rule(session, who.organization_id, _plain(definition), state.database.now_ms(session))
        return _shape(session, rule, projects)


def seen_event_rule(rule_id: str) -> dict[str, Any]:
    """A rule, as it is answered. NotFound."""
    projects = visible()
    with services().database.read(caller().organization_id) as session:
        return _shape(session, _found(session, rule_id, projects), projects)


def change_to_event_rule(rule_id: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """The rule with these fields in place of what it had, as it is answered. NotFound, Invalid, Forbidden."""
    state, who, projects = services(), caller(), visible()
    with state.database.read(who.organization_id) as session:
        seen = dict(_found(session, rule_id, projects).definition)
    definition, _ = _judged(merged(EventRule, _without_type(seen), change))
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        rule = _found(session, rule_id, projects, lock=True)
        old = rule.definition
        if old != seen:  # somebody else has changed it meanwhile
            definition = judged(EventRule, merged(EventRule, _without_type(old), change), READ_ONLY)
        refuse(unknown_channels(session, definition.channels, old["channels"]))
        new = _plain(definition)
        if new != old:
            stored.update_rule(session, rule, new, now_ms, judges_anew=judges_otherwise(old, new))
            after_rule_edit(session, rule, old, now_ms)
        return _shape(session, rule, projects)


def remove_event_rule(rule_id: str) -> None:
    """Delete it; its open alerts are resolved with that reason. NotFound."""
    state, projects = services(), visible()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        rule = _found(session, rule_id, projects, lock=True)
        end_event_rule(session, rule, state.database.now_ms(session))


def end_event_rule(session: Session, rule: AlertRule, now_ms: int, why: str = "") -> None:
    """Delete it, and resolve its alerts. `why`: unless somebody has deleted the rule itself."""
    stored.delete_rule(session, rule, now_ms)
    after_rule_delete(session, rule, now_ms, why)


def _judged(document: Mapping[str, Any]) -> tuple[EventRule, Visible]:
    """A whole rule, with its project's id for whatever name was given. Invalid; Forbidden when it may not be seen."""
    given = judged(EventRule, document, READ_ONLY)
    projects = visible(given.project)
    [project] = projects.projects.values()
    return given.model_copy(update={"project": project.id, "channels": each_once(given.channels)}), projects


def _plain(definition: EventRule) -> dict[str, Any]:
    """As it is stored."""
    return {"type": OF_PROJECTS, **definition.model_dump(mode="json")}


def _without_type(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name != "type"}


def _found(session: Session, rule_id: str, projects: Visible, *, lock: bool = False) -> AlertRule:
    """NotFound, also for a rule of a project that the caller may not see."""
    rule = stored.get_event_rule(session, rule_id, lock=lock)
    if rule is None or rule.definition["project"] not in _ids(projects):
        raise no_such("rule on events", rule_id)
    return rule


def _ids(projects: Visible) -> set[str]:
    return {project.id for project in projects.projects.values()}


def _shape(session: Session, rule: AlertRule, projects: Visible) -> dict[str, Any]:
    definition = event_rule(rule)
    slug = next((each.slug for each in projects.projects.values() if each.id == definition.project), definition.project)
    return {
        "id": rule.id,
        **definition.model_dump(mode="json"),
        "project": slug,
        "project_id": definition.project,
        "warnings": _warnings(session, definition, rule.organization_id),
        "created_at": iso(rule.created_ms),
        "updated_at": iso(rule.updated_ms),
    }


def _warnings(session: Session, rule: EventRule, organization_id: str) -> list[str]:
    if not rule.channels:
        return ["it names no channel: its alerts are listed, but nobody is told"]
    if not working_channels(session, organization_id, rule.channels):
        return ["none of its channels works: nobody is told"]
    return []


def _firing(firing: Firing, told: Sequence[Notification]) -> dict[str, Any]:
    return {
        "id": firing.id,
        "at": iso(firing.at_ms),
        "rule_id": firing.rule_id,
        "rule_name": firing.rule_name,
        "project_id": firing.project_id,
        "group_key": firing.group_key,
        "count": firing.count,
        "alert_id": firing.alert_id,
        "channels": [
            {"channel_id": sent.channel_id, "status": sent.status, "response_status": sent.status_code} for sent in told
        ],
    }
