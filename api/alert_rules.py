"""/v1/alert-rules: make, list, show, change, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from alerts.book import rule_of
from alerts.coverage import Ground, ground_of, warnings_of
from alerts.edits import after_rule_delete, after_rule_edit, judges_otherwise
from alerts.rules.base import ApplyTo, RuleDefinition
from alerts.rules.registry import RULES
from api.access import Caller, Scope, caller
from api.envelope import success
from api.errors import Invalid, no_such
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.rules import NewRule, RuleAnswer, RuleChange, RuleFacts, RuleList
from api.services import services
from api.targets import refuse, tidied, unknown_channels, unknown_checks
from api.typed_document import each_once, judged, merged, of_type
from model.times import iso
from store import alert_rules as stored
from store.alert_tables import AlertRule
from store.write_lock import Urgency

routes = Routes("Alert rules", "When a check is bad enough to tell somebody, and whom.")
READ_ONLY = tuple(RuleFacts.model_fields)
if TYPE_CHECKING:
    RuleType = str
else:
    RuleType = Literal[tuple(RULES)]


class RulePath(PathModel):
    rule_id: Annotated[str, Field(pattern=r"^rule_[0-9a-z]{6,40}$", description="The rule's id")]


class RuleFilter(Page):
    """Which rules."""

    type: Annotated[RuleType | None, Field(description="Only of this type")] = None
    enabled: Annotated[Literal["true", "false"] | None, Field(description="Only those in force, or not")] = None


@routes.get("/v1/alert-rules", needs=Scope.READ, answers=RuleList)
def list_alert_rules(query: RuleFilter) -> Response:
    """List rules, newest first."""
    with services().database.read(caller().organization_id) as session:
        found, total = stored.list_rules(
            session,
            rule_type=query.type,
            enabled=None if query.enabled is None else query.enabled == "true",
            page=(query.offset, query.per_page),
        )
        shown = shown_rules(session, found)
    return success(shown, meta=page_meta(query, total))


@routes.post("/v1/alert-rules", needs=Scope.WRITE, answers=RuleAnswer, accepts=NewRule, status=201)
def create_alert_rule(body: dict[str, Any]) -> Response:
    """Make a rule. It judges runs that are due from now on.

    `type` decides the fields. A rule that can never hold, or that tells nobody, is made with a warning.
    """
    shown = make_rule(caller(), body)
    return success(shown, 201, warnings=shown["warnings"])


@routes.get("/v1/alert-rules/<rule_id>", needs=Scope.READ, answers=RuleAnswer)
def show_alert_rule(path: RulePath) -> Response:
    """Get a rule."""
    with services().database.read(caller().organization_id) as session:
        [shown] = shown_rules(session, [found_rule(session, path.rule_id)])
    return success(shown, warnings=shown["warnings"])


@routes.put("/v1/alert-rules/<rule_id>", needs=Scope.WRITE, answers=RuleAnswer, accepts=RuleChange)
def change_alert_rule(path: RulePath, body: dict[str, Any]) -> Response:
    """Change a rule, switch it off (`enabled: false`) or on.

    Fields given replace what is stored, null clears an optional one. Alerts that the rule would judge otherwise now, or
    whose checks it does not cover any more, are resolved with that reason; another name, severity, channel or reminder
    leaves them open.
    """
    shown = change_rule(caller(), path.rule_id, body)
    return success(shown, warnings=shown["warnings"])


@routes.delete("/v1/alert-rules/<rule_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def delete_alert_rule(path: RulePath) -> Response:
    """Delete a rule. Its open alerts are resolved with that reason."""
    remove_rule(caller(), path.rule_id)
    return success({"id": path.rule_id, "deleted": True})


def make_rule(who: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """A new rule, as the API shows it. Invalid."""
    state = services()
    definition = definition_of(body)
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        refuse_unknown(session, definition)
        rule = stored.create_rule(session, who.organization_id, plain(definition), state.database.now_ms(session))
        [shown] = shown_rules(session, [rule])
    return shown


def change_rule(who: Caller, rule_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a PUT does; the rule as the API shows it then. Invalid, NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        rule = found_rule(session, rule_id, lock=True)
        old = rule.definition
        definition = changed_definition(old, body)
        refuse_unknown(session, definition, old)
        new = plain(definition)
        if new != old:
            stored.update_rule(session, rule, new, now_ms, judges_anew=judges_otherwise(old, new))
            after_rule_edit(session, rule, old, now_ms)
        [shown] = shown_rules(session, [rule])
    return shown


def remove_rule(who: Caller, rule_id: str) -> None:
    """Delete a rule, and resolve its alerts. NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        rule = found_rule(session, rule_id, lock=True)
        stored.delete_rule(session, rule, now_ms)
        after_rule_delete(session, rule, now_ms)


def definition_of(document: Mapping[str, Any]) -> RuleDefinition:
    """Validate a whole rule. Raises Invalid with a message per field."""
    definition = judged(of_type(RULES, document, "alert rule"), document, READ_ONLY)
    return definition.model_copy(
        update={"channels": each_once(definition.channels), "apply_to": tidied(definition.apply_to)}
    )


def refuse_unknown(session: Session, definition: RuleDefinition, old: Mapping[str, Any] | None = None) -> None:
    """Raises Invalid for checks and channels that there are not. `old`: the stored definition; what it names may have
    been deleted since."""
    named = ApplyTo.model_validate(old["apply_to"]) if old is not None else None
    channels = old["channels"] if old is not None else ()
    refuse(
        unknown_checks(session, definition.apply_to, "apply_to", named)
        | unknown_channels(session, definition.channels, channels)
    )


def plain(definition: RuleDefinition) -> dict[str, Any]:
    """The definition as it is stored: JSON values, every field with its value."""
    return definition.model_dump(mode="json")


def shown_rules(session: Session, rules: Sequence[AlertRule]) -> list[dict[str, Any]]:
    """Each rule as the API shows it, in order, with its warnings as things are now."""
    definitions = [rule_of(rule).definition for rule in rules]
    ground = ground_of(session, definitions)
    return [_shape(rule, definition, ground) for rule, definition in zip(rules, definitions, strict=True)]


def _shape(rule: AlertRule, definition: RuleDefinition, ground: Ground) -> dict[str, Any]:
    fields = {name: _as_people_write(value) for name, value in plain(definition).items()}
    return {
        "id": rule.id,
        "name": fields.pop("name"),
        "type": fields.pop("type"),
        **fields,
        "warnings": warnings_of(ground, definition),
        "created_at": iso(rule.created_ms),
        "updated_at": iso(rule.updated_ms),
    }


def _as_people_write(value: Any) -> Any:
    """500 rather than 500.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def changed_definition(old: Mapping[str, Any], change: Mapping[str, Any]) -> RuleDefinition:
    """What a PUT makes of a stored definition. Invalid."""
    if "type" in change and change["type"] != old["type"]:
        raise Invalid({"type": ["can't be changed: make a new rule instead"]})
    known = RULES[old["type"]]
    return definition_of(merged(known, old, change, known.forms))


def found_rule(session: Session, rule_id: str, *, lock: bool = False) -> AlertRule:
    """By id. NotFound."""
    rule = stored.get_rule(session, rule_id, lock=lock)
    if rule is None:
        raise no_such("alert rule", rule_id)
    return rule
