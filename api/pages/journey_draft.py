"""A journey as it stands in the editor's form: texts, also such as make no journey yet; and the document they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from api.families import JOURNEY_TYPE
from api.pages.grouped_fields import Texts, field_at, put, texts_of
from api.pages.monitor_fields import dressed, flat_fields
from api.pages.schedule_choice import WHEN, schedule, when_of
from api.pages.schema_fields import Field, NotReadError, step_fields, typed_text
from api.pages.typed_secrets import Swap, swapped_headers
from api.pages.unread import refusal
from journeys.definition import MAX_STEPS, JourneyCheck
from journeys.recording.script import Recording
from journeys.registry import STEP_TYPES
from model.secrets import split

SHOWN = ("name", "base_url", "locations", "tags", "interval", "cron", "timezone", "timeout")
MORE = (
    "description",
    "runbook_url",
    "degraded_ms",
    "user_agent",
    "viewport.width",
    "viewport.height",
    "extra_headers",
    "retries.count",
    "retries.delay",
    "depends_on",
    "traceparent",
    "badge",
)
_KEPT_EMPTY = ("tags", "locations")
_NEW = {"interval": "5 min"}
_MOST_VARIABLES = 100
_STEP = re.compile(r"steps\.([0-9]{1,3})\.([a-z0-9_]{1,40})", re.ASCII)
_VARIABLE = re.compile(r"variables\.([0-9]{1,3})\.(name|value)", re.ASCII)
_FLAT = {field.name: dressed(field) for field in flat_fields(JourneyCheck)}
FIELDS: Mapping[str, Field] = {name: _FLAT[name] for name in (*SHOWN, *MORE)}


@dataclass
class Draft:
    """`fields` by name, `steps` and `variables` each as texts by name. `said`: of fields that can't be read, in place
    of what validation would say."""

    fields: Texts = field(default_factory=dict)
    steps: list[Texts] = field(default_factory=list)
    variables: list[Texts] = field(default_factory=list)
    said: Texts = field(default_factory=dict)

    @classmethod
    def blank(cls) -> Draft:
        """A new one, which opens a page."""
        return cls({name: _NEW.get(name, known.default) for name, known in FIELDS.items()}, [{"type": "goto"}])

    @classmethod
    def of_form(cls, form: MultiDict[str, str]) -> Draft:
        """What was typed, all of it."""
        steps: dict[int, Texts] = {}
        variables: dict[int, Texts] = {}
        for name, text in form.items():
            for pattern, rows, most in ((_STEP, steps, MAX_STEPS), (_VARIABLE, variables, _MOST_VARIABLES)):
                found = pattern.fullmatch(name)
                if found is not None and int(found[1]) < most + 1:
                    rows.setdefault(int(found[1]), {})[found[2]] = text
        return cls(
            {name: typed_text(form, name, known) for name, known in FIELDS.items()} | {WHEN: form.get(WHEN, "")},
            [steps[place] for place in sorted(steps)],
            [variables[place] for place in sorted(variables)],
        )

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Draft:
        """A stored journey, its secrets masked."""
        return cls(
            texts_of(FIELDS, document),
            [_step_texts(step) for step in document.get("steps") or ()],
            [{"name": name, "value": str(value)} for name, value in (document.get("variables") or {}).items()],
        )

    def take(self, recording: Recording) -> None:
        """Put what was recorded after the steps that there are."""
        self.steps = [step for step in self.steps if any(text for name, text in step.items() if name != "type")]
        self.steps += [_step_texts(step) for step in recording.steps]
        self.variables = [row for row in self.variables if any(row.values())]
        self.variables += [{"name": name, "value": value} for name, value in recording.variables.items()]
        for name, text in texts_of(FIELDS, recording.fields).items():
            if text and not self.fields.get(name, "").strip():
                self.fields[name] = text

    def change(self, what: str) -> int | None:
        """What a button of a row asks for: `add.3`, `remove.3`, `up.3`, `down.3` of steps, `variable` for another
        variable, `drop.3` to take one away. The place to go on at; None where that was no step."""
        verb, _, number = what.partition(".")
        place = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
        last = len(self.steps) - 1
        match verb:
            case "add" if len(self.steps) < MAX_STEPS:
                place = min(place, len(self.steps))
                self.steps.insert(place, {"type": "click" if self.steps else "goto"})
                return place
            case "remove" if place <= last:
                self.steps.pop(place)
                return max(0, place - 1)
            case "up" | "down" if 0 <= place <= last:
                to = max(0, min(last, place + (1 if verb == "down" else -1)))
                self.steps.insert(to, self.steps.pop(place))
                return to
            case "variable" if len(self.variables) < _MOST_VARIABLES:
                self.variables.append({"name": "", "value": ""})
            case "drop" if place < len(self.variables):
                self.variables.pop(place)
        return None

    def document(self) -> dict[str, Any]:
        """What REST would be sent; blank fields are null. Invalid, where JSON was to be typed and was not."""
        wrong: dict[str, list[str]] = {}
        found: dict[str, Any] = {}
        for name, known in FIELDS.items():
            value = _read(known, self.fields.get(name, ""), name, wrong)
            put(found, name, None if value in ("", [], {}) and name not in _KEPT_EMPTY else value)
        found["locations"] = found["locations"] or None
        schedule(found, when_of(self.fields), wrong)
        found["steps"] = [_step(place, texts, wrong) for place, texts in enumerate(self.steps)]
        found["variables"] = {}
        for place, row in enumerate(self.variables):
            name = row.get("name", "").strip()
            if name in found["variables"]:
                wrong[f"variables.{place}.name"] = ["stands here twice"]
            elif name or row.get("value"):
                found["variables"][name] = row.get("value", "")
        if wrong:
            raise refusal(JOURNEY_TYPE, found, wrong)
        return found

    def swap_secrets(self, swap: Swap) -> None:
        """Variables, headers that look secret, and seeds of one-time codes."""
        for at, row in enumerate(self.variables):
            if row.get("value"):
                row["value"] = swap(f"variables.{at}", row["value"])
        self._swap_extra_headers(swap)
        for at, step in enumerate(self.steps):
            _swap_headers(step, "headers", f"steps.{at}.headers", swap)
            for secret in split({"steps": [{"secret": step.get("secret") or None}]})[1].values():
                step["secret"] = swap(f"steps.{at}.secret", secret)

    def _swap_extra_headers(self, swap: Swap) -> None:
        known = FIELDS["extra_headers"]
        try:
            headers = known.read(self.fields.get("extra_headers", ""))
        except NotReadError:
            return  # left as it is, for its typist to mend
        if headers:
            self.fields["extra_headers"] = known.write(swapped_headers(headers, "extra_headers", swap))

    def places(self, wrong: Mapping[str, Any]) -> dict[str, str]:
        """A message for each field of the form, by its name there: those of parts of a field stand at the field, those
        of a variable's value at its row."""
        rows = {row.get("name", "").strip(): place for place, row in enumerate(self.variables)}
        found: dict[str, str] = {}
        for path, messages in wrong.items():
            parts, message = path.split("."), messages[0]
            if parts[0] == "steps" and len(parts) > 2:
                kind = self.steps[int(parts[1])].get("type", "") if int(parts[1]) < len(self.steps) else ""
                known = {each.name: each for each in step_fields(kind)}
                inner = parts[2] if parts[2] in known else "type"
                name = f"steps.{parts[1]}.{inner}"
                message = known[inner].said(message) if inner in known else message
            elif parts[0] == "variables" and len(parts) == 2 and parts[1] in rows:
                name = f"variables.{rows[parts[1]]}.name"
            else:
                name = field_at(FIELDS, path) or path
                message = self.said.get(name) or (FIELDS[name].said(message) if name in FIELDS else message)
            found.setdefault(name, message)
        return found


def _step_texts(step: Mapping[str, Any]) -> Texts:
    known = step_fields(step["type"])
    return {"type": step["type"], **{each.name: each.write(step.get(each.name)) for each in known}}


def _step(place: int, texts: Texts, wrong: dict[str, list[str]]) -> dict[str, Any]:
    kind = texts.get("type", "")
    if kind not in STEP_TYPES:
        return {"type": kind}
    read = {
        known.name: _read(known, texts.get(known.name, ""), f"steps.{place}.{known.name}", wrong)
        for known in step_fields(kind)
    }
    return {"type": kind, **{name: value for name, value in read.items() if value is not None}}


def _read(known: Field, text: str, path: str, wrong: dict[str, list[str]]) -> Any:
    try:
        return known.read(text)
    except NotReadError as error:
        wrong[path] = [str(error)]
        return None


def _swap_headers(texts: Texts, name: str, place: str, swap: Swap) -> None:
    """Of headers typed as JSON; what is none is left as it is, for its typist to mend."""
    try:
        found = json.loads(texts.get(name) or "null")
    except (ValueError, RecursionError):
        return
    if isinstance(found, dict) and found:
        texts[name] = json.dumps(swapped_headers(found, place, swap), ensure_ascii=False, indent=2)
