"""A definition's fields as a form has them, read from its own schema: a new step type needs nothing here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from journeys.registry import STEP_TYPES

COMMON = ("name", "timeout", "frame")
"""What every step has: shown after its own fields."""
_LONG = frozenset({"body", "content_base64", "description"})


class NotJsonError(ValueError):
    """What was typed into a field for JSON is none; the text is a sentence."""


@dataclass(frozen=True)
class Field:
    """`kind`: text, long, number, choice, list (parted by commas) or json. `default`: a choice's, as text."""

    name: str
    kind: str
    required: bool
    choices: Sequence[str] = ()
    default: str = ""
    about: str = ""

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()

    def read(self, text: str) -> Any:
        """What a document holds for this text; None: nothing. NotJsonError."""
        if self.kind == "list":
            return [part for part in (part.strip() for part in text.split(",")) if part]
        if not text.strip() and (not self.required or self.kind in ("number", "json")):
            return None
        if self.kind == "number":
            return _number(text.strip())
        if self.kind == "json":
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                raise NotJsonError("is not JSON") from None
        return text.replace("\r\n", "\n")

    def write(self, value: Any) -> str:
        """The text for a document's value."""
        if value is None or (self.kind == "json" and value in ({}, [])):
            return ""
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
            return Field(name, "json", **facts)


def _number(text: str) -> Any:
    """As JSON has it; other text stays what it is, for the definition to refuse it in its own words."""
    return json.loads(text) if re.fullmatch(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?", text, re.ASCII) else text
