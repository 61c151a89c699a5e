"""/alerts/event-rules: which events are worth telling somebody; made, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.errors import Conflict, Forbidden, Invalid
from api.event_rules import change_to_event_rule, make_event_rule, remove_event_rule, seen_event_rule, seen_event_rules
from api.pages.alert_rules import SEVERITIES
from api.pages.forms import beside
from api.pages.gate import page
from api.pages.meanwhile import meanwhile, seen
from api.pages.rendering import go_to, render
from api.project_access import visible
from api.services import services
from model.fields import MAX_NAME
from model.times import DAY_MS
from store.alert_channels import list_channels
from store.alert_reading import alerts_by_ids, channel_names
from store.alert_tables import Alert
from store.firings import list_firings, told_by
from store.rule_firings import rule_firings
from telemetry.queries import MOST_CHARACTERS

pages = Blueprint("event_rule_pages", __name__)
LATELY_MS = 30 * DAY_MS
MOST_FIRINGS = 20
_HERE = "/alerts/event-rules"
_MOST_CHANNELS = 100
_TEXTS = ("name", "project", "query", "group_by", "threshold", "window", "cooldown", "severity")
_NEW = {
    "name": "", "query": "level:error", "group_by": "fingerprint", "threshold": "1", "window": "5m", "cooldown": "1h",
    "severity": "high", "enabled": True,
}  # fmt: skip
GROUPS = {
    "fingerprint": "each issue by itself",
    "project": "all of them together",
    "release": "each release by itself",
    "environment": "each environment by itself",
    "level": "each level by itself",
    "user.id": "each user by themselves",
    "trace_id": "each trace by itself",
}
"""What tells groups apart, in words; any other name is that of a tag."""
_DONE = {
    "made": "The rule is made. It judges what arrives from now on.",
    "changed": "The rule is changed.",
    "deleted": "The rule is deleted, and its open alerts are resolved.",
}


@dataclass(frozen=True)
class FiringLine:
    """When a rule held, and who was told. `alert`: None when it is kept no more; `told`: (channel, what became of its
    notice)."""

    at_ms: int
    count: int
    group_key: str
    alert: Alert | None
    told: Sequence[tuple[str, str]]


@pages.get(_HERE)
@page(Scope.READ)
def event_rules_page() -> Response:
    """The list."""
    rules = seen_event_rules()
    state = services()
    with state.database.read(caller().organization_id) as session:
        now_ms = state.database.now_ms(session)
        fired = rule_firings(session, [rule["id"] for rule in rules], now_ms - LATELY_MS)
        channels = channel_names(session, {each for rule in rules for each in rule["channels"]})
    return render(
        "event_rules.html",
        rules=rules,
        fired=fired,
        channels=channels,
        groups=GROUPS,
        projects=visible().projects,
        done=_DONE.get(request.args.get("done", "")),
        now_ms=now_ms,
    )


@pages.get(f"{_HERE}/new")
@page(Scope.WRITE)
def new_event_rule() -> Response:
    """A new rule's form; the address may name a project and a query, as the page of queries does."""
    asked = {name: request.args[name][:MOST_CHARACTERS] for name in ("project", "query") if request.args.get(name)}
    return _form({**_NEW, "project": "", "channels": [], **asked})


@pages.post(_HERE)
@page(Scope.WRITE)
def make_event_rule_here() -> Response:
    """Make a rule by the form."""
    return _sent(lambda: make_event_rule(_body()), None, "made")


@pages.get(f"{_HERE}/<event_rule_id>")
@page(Scope.READ)
def event_rule_page(event_rule_id: str) -> Response:
    """A rule's form."""
    rule = seen_event_rule(event_rule_id)
    return _form({**rule, "threshold": str(rule["threshold"])}, rule)


@pages.post(f"{_HERE}/<event_rule_id>")
@page(Scope.WRITE)
def change_event_rule_here(event_rule_id: str) -> Response:
    """Change a rule by the form."""
    rule = seen_event_rule(event_rule_id)
    if told := meanwhile(event_rule_id):
        return _form(_typed(), rule, {"": [told.said()]}, Conflict.status)
    return _sent(lambda: change_to_event_rule(event_rule_id, _body()), rule, "changed")


@pages.post(f"{_HERE}/<event_rule_id>/delete")
@page(Scope.WRITE)
def delete_event_rule_here(event_rule_id: str) -> Response:
    """Delete a rule."""
    remove_event_rule(event_rule_id)
    return go_to(f"{_HERE}?done=deleted")


def _sent(act: Any, rule: Mapping[str, Any] | None, done: str) -> Response:
    """Where it leads, or the form again with what was wrong."""
    try:
        act()
    except Invalid as error:
        return _form(_typed(), rule, error.fields, error.status)
    except Forbidden as error:
        return _form(_typed(), rule, {"project": [error.message]}, error.status)
    return go_to(f"{_HERE}?done={done}")


def _body() -> dict[str, Any]:
    """The form as REST takes it; what is no number stays text, for REST's own validation to refuse."""
    form: dict[str, Any] = {name: request.form[name].strip() for name in _TEXTS if name in request.form}
    threshold = form.get("threshold", "")
    if threshold.isascii() and threshold.isdigit() and len(threshold) < 16:
        form["threshold"] = int(threshold)
    return {
        **form,
        "channels": request.form.getlist("channels"),
        "enabled": request.form.get("enabled") == "yes",
    }


def _typed() -> dict[str, Any]:
    """What was sent, as the form shows it again."""
    lengths = dict.fromkeys(_TEXTS, MAX_NAME) | {"query": MOST_CHARACTERS}
    return {
        **{name: request.form.get(name, "")[: 2 * lengths[name]] for name in _TEXTS},
        "channels": request.form.getlist("channels"),
        "enabled": request.form.get("enabled") == "yes",
    }


def _firings(session: Session, rule_id: str) -> list[FiringLine]:
    """The newest of a rule, of projects that the visitor may see."""
    found = list_firings(
        session, {each.id for each in visible().projects.values()}, rule_id=rule_id, limit=MOST_FIRINGS
    )
    alerts = alerts_by_ids(session, {firing.alert_id for firing in found})
    told = told_by(session, found)
    names = channel_names(session, {sent.channel_id for each in told.values() for sent in each})
    return [
        FiringLine(
            firing.at_ms, firing.count, firing.group_key, alerts.get(firing.alert_id),
            [(names.get(sent.channel_id, "a deleted channel"), sent.status) for sent in told[firing.id]],
        )
        for firing in found
    ]  # fmt: skip


def _form(
    values: Mapping[str, Any],
    rule: Mapping[str, Any] | None = None,
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
) -> Response:
    with services().database.read(caller().organization_id) as session:
        channels, _ = list_channels(session, limit=_MOST_CHANNELS)
        there = {channel.id for channel in channels}
        gone = channel_names(session, [each for each in values["channels"] if each not in there])
        firings = [] if rule is None else _firings(session, rule["id"])
        now_ms = services().database.now_ms(session)
    return render(
        "event_rule.html",
        status,
        no_store=True,
        rule=rule,
        seen=seen(None if rule is None else rule["id"]),
        values=values,
        projects=list(visible().projects.values()),
        groups=GROUPS,
        channels=channels,
        gone=gone,
        severities=SEVERITIES,
        firings=firings,
        most_firings=MOST_FIRINGS,
        now_ms=now_ms,
        warnings=rule["warnings"] if rule is not None and not wrong else [],
        wrong=beside(wrong, (*_TEXTS, "channels", "enabled")),
    )
