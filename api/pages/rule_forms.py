"""An alert rule as a form, and back. The fields of each type are read off its class (alerts/rules/), so that a new type
has a form with no line here; what is said of them is, where there is more to say than their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import request

from alerts.rules.base import RuleDefinition
from alerts.rules.registry import RULES
from api.pages.check_picker import chosen_checks
from api.pages.spans import HINT, seconds_of, span_text
from model.fields import MAX_NAME

_SECONDS = "seconds"
ABOUT = {
    "consecutive_failures": ("Down", "so many runs in a row failed: the rule that most checks need"),
    "failure_rate": ("Flapping", "too many of the last runs failed, though some in between were good"),
    "response_time": ("Slow", "runs pass, but take too long for long enough"),
    "certificate_expiry": ("Certificate", "a certificate will soon be refused by browsers"),
    "no_data": ("Not measured", "nothing was measured for too long, whatever the reason"),
}
"""Of a type of rule: what people call it, and when it holds."""
_LABELS = {
    ("consecutive_failures", "threshold"): "Failed runs in a row",
    ("failure_rate", "threshold"): "Percent that failed",
    ("failure_rate", "window"): "Of the runs within",
    ("failure_rate", "failures"): "Failed runs",
    ("failure_rate", "runs"): "Of the last … runs",
    ("response_time", "threshold"): "Slower than (ms)",
    ("response_time", "aggregate"): "Judged by",
    ("response_time", "window"): "Of the runs within",
    ("certificate_expiry", "threshold"): "Fewer days left than",
    ("no_data", "window"): "Nothing measured for",
}
_CHOICES = {"avg": "the average", "p95": "the 95th percentile", "max": "the slowest run"}
_FORMS = {"threshold": "A share of a stretch of time", "failures": "A number of the last runs"}
_SLIDES = {
    ("consecutive_failures", "threshold"): (1, 10, 1),
    ("failure_rate", "threshold"): (5, 100, 5),
    ("failure_rate", "failures"): (1, 20, 1),
    ("response_time", "threshold"): (10, 3_000, 10),
    ("certificate_expiry", "threshold"): (1, 60, 1),
    ("no_data", "window"): (60, 3_600, 60),
}
"""(from, to, step) of the slider beside a field; that of a response time ends where the check's history does."""
COMMON = (
    "name",
    "severity",
    "channels",
    "apply_to",
    "min_locations",
    "recovery_threshold",
    "reminder_interval",
    "enabled",
)
_NEW = {"severity": "high", "min_locations": "1", "recovery_threshold": "1", "enabled": "yes", "reminder_interval": ""}
_TYPED = {"failure_rate": {"failures": "3", "runs": "10"}, "response_time": {"threshold": "1000"}}
"""What stands in a new rule's required fields."""


@dataclass(frozen=True)
class Field:
    """A field of a type. `kind`: whole, number, span (a stretch of time), choice. `slide`: (from, to, step) or None."""

    name: str
    label: str
    kind: str
    hint: str
    default: str
    choices: Mapping[str, str]
    slide: tuple[float, float, float] | None


@cache
def fields_of(kind: str) -> tuple[Field, ...]:
    """The fields that only this type has, in the order of its class."""
    properties = RULES[kind].model_json_schema()["properties"]
    own = [name for name in RULES[kind].model_fields if name not in RuleDefinition.model_fields]
    return tuple(_field(kind, name, properties[name]) for name in own)


def forms_of(kind: str) -> list[tuple[str, str, list[Field]]]:
    """(name, what it is, its fields) of the sets of fields of which a rule of this type has one; none for most."""
    by_name = {field.name: field for field in fields_of(kind)}
    return [
        (form[0], _FORMS.get(form[0], ", ".join(form)), [by_name[name] for name in form]) for form in RULES[kind].forms
    ]


def blank(kind: str) -> dict[str, Any]:
    """A new rule's form."""
    own = {field.name: field.default for field in fields_of(kind)} | _TYPED.get(kind, {})
    form = next((names[0] for names in RULES[kind].forms if all(own.get(name) for name in names)), "")
    return {"name": "", "channels": [], "apply_to": {"all": True}, "form": form, **_NEW, **own}


def shown(kind: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """A stored rule as its form: text, but for what is chosen from lists."""
    values: dict[str, Any] = {
        "name": definition["name"], "severity": definition["severity"], "channels": list(definition["channels"]),
        "apply_to": definition["apply_to"], "enabled": "yes" if definition["enabled"] else "",
    }  # fmt: skip
    for name in ("min_locations", "recovery_threshold"):
        values[name] = str(definition[name])
    reminder = definition.get("reminder_interval")
    values["reminder_interval"] = "" if reminder is None else span_text(reminder)
    for field in fields_of(kind):
        values[field.name] = _text(field, definition.get(field.name))
    values["form"] = next((form[0] for form in RULES[kind].forms if definition.get(form[0]) is not None), "")
    return values


def typed(kind: str) -> dict[str, Any]:
    """What was sent, as the form shows it again."""
    names = ("name", "severity", "min_locations", "recovery_threshold", "reminder_interval", "enabled", "form")
    values: dict[str, Any] = {name: request.form.get(name, "")[: 2 * MAX_NAME] for name in names}
    values["channels"], values["apply_to"] = request.form.getlist("channels"), chosen_checks()
    return values | {field.name: request.form.get(field.name, "")[:MAX_NAME] for field in fields_of(kind)}


def body_of(kind: str) -> dict[str, Any]:
    """The form as REST takes it; what is no number stays text, for REST's own validation to refuse."""
    form = request.form
    reminder = form.get("reminder_interval", "").strip()
    body: dict[str, Any] = {
        "type": kind,
        "name": form.get("name", "").strip(),
        "severity": form.get("severity", ""),
        "channels": form.getlist("channels"),
        "apply_to": chosen_checks(),
        "min_locations": _number(form.get("min_locations", "").strip() or "1"),
        "recovery_threshold": _number(form.get("recovery_threshold", "").strip() or "1"),
        "reminder_interval": seconds_of(reminder) if reminder else None,
        "enabled": form.get("enabled") == "yes",
    }
    for field in fields_of(kind):
        text = form.get(field.name, "").strip()
        if text and _is_meant(kind, field.name):
            body[field.name] = _value(field, text)
    return body


def names_of(kind: str) -> list[str]:
    """The form's fields."""
    return [*COMMON, *(field.name for field in fields_of(kind))]


def spans_of(kind: str) -> list[str]:
    """Those that are typed as stretches of time."""
    return ["reminder_interval", *(field.name for field in fields_of(kind) if field.kind == "span")]


def _is_meant(kind: str, name: str) -> bool:
    """Whether a field belongs to the set that was chosen."""
    sets: Sequence[Sequence[str]] = RULES[kind].forms
    chosen = next((names for names in sets if names[0] == request.form.get("form")), ())
    return name in chosen or all(name not in names for names in sets)


def _field(kind: str, name: str, schema: Mapping[str, Any]) -> Field:
    said = next((part for part in schema.get("anyOf", (schema,)) if part.get("type") != "null"), schema)
    about = said.get("description") or schema.get("description") or ""
    choices = {value: _CHOICES.get(value, value) for value in said.get("enum", ())}
    what = "choice" if choices else "span" if about == _SECONDS else "whole" if said["type"] == "integer" else "number"
    field = Field(
        name=name,
        label=_LABELS.get((kind, name), name.replace("_", " ").capitalize()),
        kind=what,
        hint=HINT if what == "span" else "",
        default="",
        choices=choices,
        slide=_SLIDES.get((kind, name)),
    )
    return Field(**{**field.__dict__, "default": _text(field, schema.get("default"))})


def _text(field: Field, value: Any) -> str:
    if value is None:
        return ""
    if field.kind == "span":
        return span_text(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(field: Field, text: str) -> Any:
    match field.kind:
        case "span":
            return seconds_of(text)
        case "choice":
            return text
    return _number(text)


def _number(text: str) -> int | float | str:
    """As JSON would have it."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    try:
        found = float(text)
    except ValueError:
        return text
    return found if abs(found) < 1e15 else text  # neither infinite nor no number
