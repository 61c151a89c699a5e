"""A definition's fields as a form has them, read from its own schema: a new step type needs nothing here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from pydantic import BaseModel
from werkzeug.datastructures import MultiDict

from api.pages.spans import milliseconds_of, of_spans, seconds_of, span_text
from journeys.registry import STEP_TYPES

COMMON = ("name", "timeout", "frame")
"""What every step has: shown after its own fields."""
YES = "yes"
"""What a ticked box sends."""
_ESCAPES = {"\\": r"\\", "\r": r"\r", "\n": r"\n", "\t": r"\t"}
_MEANT = {escape: character for character, escape in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\[\\rnt]")
_LONG = frozenset({"body", "content_base64", "description"})


class NotReadError(ValueError):
    """What was typed into a field can't be read as what it is for; the text is a sentence."""


@dataclass(frozen=True)
class Field:
    """`kind`: text, long, number, choice, list (parted by commas), json; or what a form makes of one of these: flag (a
    box to tick), pairs (`name: value` a line), span (a stretch of time, in seconds), ms_span (in ms), secret, escaped
    (one line in which `\\n` stands for the end of one). `default`: a choice's, as text. `words`: what it is called,
    where its name does not say it."""

    name: str
    kind: str
    required: bool
    choices: Sequence[str] = ()
    default: str = ""
    about: str = ""
    words: str = ""

    @property
    def label(self) -> str:
        said = self.words or self.name.replace("_", " ").capitalize()
        return re.sub(r"\burl\b", "URL", said, flags=re.IGNORECASE)

    def read(self, text: str) -> Any:
        """What a document holds for this text; None: nothing. NotReadError."""
        if self.kind == "list":
            return [part for part in (part.strip() for part in text.split(",")) if part]
        if self.kind == "flag":
            return text == YES
        if not text.strip() and (not self.required or self.kind in ("number", "json")):
            return None
        if self.kind == "number":
            return _number(text.strip())
        if self.kind == "span":
            return seconds_of(text)
        if self.kind == "ms_span":
            return milliseconds_of(text)
        if self.kind == "pairs":
            return _pairs(text)
        if self.kind == "escaped":
            return _ESCAPED.sub(lambda found: _MEANT[found[0]], text)
        if self.kind == "json":
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                raise NotReadError("is not JSON") from None
        return text.replace("\r\n", "\n")

    def said(self, message: str) -> str:
        """What validation says of the value, in the words of the form."""
        return of_spans(message, in_ms=self.kind == "ms_span") if self.kind in ("span", "ms_span") else message

    def write(self, value: Any) -> str:
        """The text for a document's value."""
        if value is None or (self.kind == "json" and value in ({}, [])):
            return ""
        if self.kind == "flag":
            return YES if value else ""
        if self.kind in ("span", "ms_span"):
            return span_text(value, in_ms=self.kind == "ms_span")
        if self.kind == "pairs":
            return "\n".join(f"{name}: {inner}" for name, inner in value.items())
        if self.kind == "escaped":
            return "".join(_ESCAPES.get(character, character) for character in value)
        if self.kind == "list":
            return ", ".join(map(str, value))
        if self.kind == "json":
            return json.dumps(value, ensure_ascii=False, indent=2)
        return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def fields_of(model: type[BaseModel]) -> Mapping[str, Field]:
    """Of a definition, by the names people use."""
    schema = model.model_json_schema(by_alias=True)
    required = set(schema.get("required", ()))
    return {name: _field(name, given, name in required) for name, given in schema["properties"].items()}


@cache
def step_fields(kind: str) -> Sequence[Field]:
    """Of a step type: its own, then what every step has. None for a type that there is not."""
    known = STEP_TYPES.get(kind)
    if known is None:
        return ()
    fields = fields_of(known)
    own = [field for name, field in fields.items() if name not in ("type", *COMMON)]
    return [*sorted(own, key=lambda field: not field.required), *(fields[name] for name in COMMON)]


@cache
def time_zones() -> Sequence[str]:
    """Those that a form offers: places, without the zones of old names and offsets."""
    return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))


def typed_text(form: MultiDict[str, str], name: str, known: Field) -> str:
    """What stands in a field of a form; of a list, whose parts may be ticked one by one, all of them."""
    if known.kind != "list":
        return form.get(name, "")
    return ", ".join(dict.fromkeys(part for part in form.getlist(name) if part.strip()))


def _field(name: str, given: Mapping[str, Any], required: bool) -> Field:
    options = [option for option in given.get("anyOf", (given,)) if option.get("type") != "null"]
    chosen = options[0] if len(options) == 1 else {}
    default = given.get("default")
    facts: dict[str, Any] = {
        "required": required,
        "about": str(given.get("description") or chosen.get("description") or ""),
    }
    if "enum" in chosen:
        return Field(name, "choice", choices=[*chosen["enum"]], default=str(default or ""), **facts)
    match chosen.get("type"):
        case "string":
            return Field(name, "long" if name in _LONG else "text", **facts)
        case "integer" | "number":
            return Field(name, "number", **facts)
        case "array" if chosen.get("items", {}).get("type") == "string":
            return Field(name, "list", **facts)
        case _:
            return Field(name, "json", default=json.dumps(default) if isinstance(default, bool) else "", **facts)


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip():
            raise NotReadError(f"line {number} is not a name, a colon and a value")
        found[name.strip()] = value.strip()
    return found


def _number(text: str) -> Any:
    """As JSON has it; other text stays what it is, for the definition to refuse it in its own words."""
    return json.loads(text) if re.fullmatch(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?", text, re.ASCII) else text
