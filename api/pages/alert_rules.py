"""/alerts/rules: every rule, what it covers, when it last held, and why it may never; made, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from alerts.book import rule_of
from alerts.coverage import ground_of, warnings_of
from alerts.rules.registry import RULES
from api import alert_rules as rest
from api.access import Scope
from api.errors import Conflict, Invalid
from api.pages.check_picker import covers, finding, looked_for, named_in, picker
from api.pages.forms import beside, page_number
from api.pages.gate import page, visitor
from api.pages.meanwhile import meanwhile, seen
from api.pages.rendering import go_to, render
from api.pages.rule_forms import ABOUT, blank, body_of, fields_of, forms_of, names_of, shown, spans_of, typed
from api.services import services
from model.times import DAY_MS
from store.alert_channels import list_channels
from store.alert_reading import channel_names, count_open_alerts
from store.alert_rules import list_rules
from store.alert_tables import AlertRule
from store.check_choices import check_names
from store.rule_firings import Fired, rule_firings

pages = Blueprint("rule_pages", __name__)
PER_PAGE = 100
LATELY_MS = 30 * DAY_MS
_HERE = "/alerts/rules"
_MOST_CHANNELS = 100
_DONE = {
    "made": "The rule is made. It judges what is due from now on.",
    "changed": "The rule is changed.",
    "deleted": "The rule is deleted, and its open alerts are resolved.",
}
SEVERITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True)
class Line:
    """A rule in the list."""

    rule: AlertRule
    word: str
    covers: str
    told: Sequence[str]
    fired: Fired | None
    warnings: Sequence[str]


@pages.get(_HERE)
@page(Scope.READ)
def rules_page() -> Response:
    """The list."""
    state, number = services(), page_number()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        found, total = list_rules(session, page=((number - 1) * PER_PAGE, PER_PAGE))
        definitions = [rule_of(rule).definition for rule in found]
        ground = ground_of(session, definitions)
        fired = rule_firings(session, [rule.id for rule in found], now_ms - LATELY_MS)
        names = check_names(session, named_in([rule.definition["apply_to"] for rule in found]))
        channels = channel_names(session, {each for one in definitions for each in one.channels})
    lines = [
        Line(
            rule,
            ABOUT.get(rule.type, (rule.type, ""))[0],
            covers(ground, rule.definition["apply_to"], names),
            [channels[each] for each in definition.channels if each in channels],
            fired.get(rule.id),
            warnings_of(ground, definition),
        )
        for rule, definition in zip(found, definitions, strict=True)
    ]
    return render(
        "rules.html",
        lines=lines,
        number=number,
        more=total > number * PER_PAGE,
        done=_DONE.get(request.args.get("done", "")),
        now_ms=now_ms,
    )


@pages.get(f"{_HERE}/new")
@page(Scope.WRITE)
def new_rule() -> Response:
    """A new rule's form, of the type in the address."""
    kind = asked_type(request.args.get("type", next(iter(RULES))))
    return form_page(kind, blank(kind))


@pages.post(_HERE)
@page(Scope.WRITE)
def make_rule_here() -> Response:
    """Make a rule by the form."""
    kind = asked_type(request.form.get("type", ""))
    if finding():
        return form_page(kind, typed(kind))
    try:
        rest.make_rule(visitor().caller, body_of(kind))
    except Invalid as error:
        return form_page(kind, typed(kind), wrong=error.fields, status=error.status)
    return go_to(f"{_HERE}?done=made")


@pages.get(f"{_HERE}/<rule_id>")
@page(Scope.READ)
def rule_page(rule_id: str) -> Response:
    """A rule's form."""
    with services().database.read(visitor().caller.organization_id) as session:
        rule = rest.found_rule(session, rule_id)
    return form_page(rule.type, shown(rule.type, rule.definition), rule=rule)


@pages.post(f"{_HERE}/<rule_id>")
@page(Scope.WRITE)
def change_rule_here(rule_id: str) -> Response:
    """Change a rule by the form."""
    with services().database.read(visitor().caller.organization_id) as session:
        rule = rest.found_rule(session, rule_id)
    if finding():
        return form_page(rule.type, typed(rule.type), rule=rule)
    if told := meanwhile(rule.id):
        return form_page(rule.type, typed(rule.type), rule=rule, wrong={"": [told.said()]}, status=Conflict.status)
    try:
        rest.change_rule(visitor().caller, rule_id, body_of(rule.type))
    except Invalid as error:
        return form_page(rule.type, typed(rule.type), rule=rule, wrong=error.fields, status=error.status)
    return go_to(f"{_HERE}?done=changed")


@pages.post(f"{_HERE}/<rule_id>/delete")
@page(Scope.WRITE)
def delete_rule_here(rule_id: str) -> Response:
    """Delete a rule."""
    rest.remove_rule(visitor().caller, rule_id)
    return go_to(f"{_HERE}?done=deleted")


def asked_type(kind: str) -> str:
    """A type of rule that there is. Invalid."""
    if kind not in RULES:
        raise Invalid({"type": [f"there is no {kind[:40]!r}: choose one of {', '.join(RULES)}"]})
    return kind


def form_page(
    kind: str,
    values: Mapping[str, Any],
    *,
    rule: AlertRule | None = None,
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    tried: Mapping[str, Any] | None = None,
) -> Response:
    """The form with these values. `tried`: what the rule would have done, for its part of the page."""
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        ground = ground_of(session, [rule_of(rule).definition] if rule is not None else [])
        channels, _ = list_channels(session, limit=_MOST_CHANNELS)
        there = {channel.id for channel in channels}
        gone = channel_names(session, [each for each in values["channels"] if each not in there])
        choice = picker(session, ground, values["apply_to"], looked_for())
        now_ms = state.database.now_ms(session)
        standing = sum(count_open_alerts(session, rule.id).values()) if rule is not None else 0
    return render(
        "rule.html",
        status,
        no_store=True,
        rule=rule,
        open_alerts=standing,
        seen=seen(None if rule is None else rule.id),
        kind=kind,
        kinds=[(each, ABOUT.get(each, (each, ""))[0]) for each in RULES],
        about=ABOUT.get(kind, (kind, "")),
        values=values,
        fields=[field for field in fields_of(kind) if all(field.name not in names for names in RULES[kind].forms)],
        forms=forms_of(kind),
        severities=SEVERITIES,
        channels=channels,
        gone=gone,
        picker=choice,
        warnings=warnings_of(ground, rule_of(rule).definition) if rule is not None and not wrong else [],
        wrong=beside(wrong, names_of(kind), spans=spans_of(kind)),
        try_on=request.form.get("try_on", ""),
        days=request.form.get("days", "7"),
        tried=tried,
        now_ms=now_ms,
    )
