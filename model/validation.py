"""What pydantic finds wrong with a person's data, said as a sentence per field under the contract's paths.

`{"assertions.0.value": ["must be a whole number"]}`: the API answers with it, the command line prints it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

Fields = dict[str, list[str]]

MAX_PATH_PART = 60
"""Characters of a key shown in a path: a field nobody knows may be named anything."""
_MAX_FIELDS = 50
"""Enough to see what is wrong; an answer is never larger than its question by much."""
_TAG = "type="
UNKNOWN_TYPE = "unknown_type"
"""Error type of a union by type whose `type` is missing or unknown: `Discriminator(by_type, UNKNOWN_TYPE, "…")`."""

_SENTENCES: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a field that is known here",
    "none_required": "must be null",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "string_unicode": "must not contain a lone surrogate",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "mapping_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "url_parsing": "is not a URL: {error}",
    "url_syntax_violation": "is not a URL: {error}",
    "url_scheme": "must begin with one of {expected_schemes}",
    "url_too_long": "must have at most {max_length} characters",
    "json_invalid": "is not JSON: {error}",
}


_ONE = {"characters": "character", "entries": "entry"}
_OF_ONE = re.compile(r" 1 (characters|entries)$")
_KEY = "[key]"
"""What pydantic puts behind the key of an object that is wrong itself."""


class FieldsError(ValueError):
    """Raised by a validator that looks at several fields: messages by path, relative to what it validates."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {message}" for path, message in fields.items()))
        self.fields = fields


def by_type(value: object) -> str | None:
    """The discriminator of a union by `type`. Members are tagged `Tag("type=<type>")`: marked so that paths can leave
    the tag out, which pydantic puts between `assertions.0` and `value`."""
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return _TAG + kind if isinstance(kind, str) else None


def field_errors(error: ValidationError) -> Fields:
    """Messages by path. The path of the whole is ""."""
    found: Fields = {}
    mistakes = error.errors(include_url=False)
    for details in mistakes:
        if _only_seems_short(details, mistakes):
            continue
        for path, message in _said(details):
            if len(found) < _MAX_FIELDS or path in found:
                messages = found.setdefault(path, [])
                if message not in messages:
                    messages.append(message)
    return found


def _only_seems_short(details: ErrorDetails, mistakes: Sequence[ErrorDetails]) -> bool:
    """Whether a list has entries enough, but wrong ones: pydantic does not count those, and would say it is short."""
    if details["type"] != "too_short" or len(details["input"]) < details["ctx"]["min_length"]:
        return False
    place = details["loc"]
    return any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in mistakes)


def _said(details: ErrorDetails) -> Iterator[tuple[str, str]]:
    place = details["loc"]
    if len(place) > 1 and place[-1] == _KEY and details["input"] == place[-2]:
        place = place[:-1]
    parts = [shown_part(part) for part in place if not _is_tag(part)]
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, FieldsError):
        for path, message in cause.fields.items():
            yield ".".join([*parts, path]), message
        return
    if details["type"] == UNKNOWN_TYPE:
        if not isinstance(details["input"], dict):
            yield ".".join(parts), "must be an object"
            return
        parts.append("type")
    yield ".".join(parts), _sentence(details)


def _is_tag(part: int | str) -> bool:
    return isinstance(part, str) and part.startswith(_TAG)


def shown_part(part: int | str) -> str:
    """A part of a path that any answer, log and terminal can hold."""
    text = str(part)[:MAX_PATH_PART]
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _sentence(details: ErrorDetails) -> str:
    context: dict[str, Any] = details.get("ctx", {})
    if details["type"] == "value_error":
        return str(context.get("error"))
    if details["type"] == "string_too_short" and context["min_length"] == 1:
        return "must not be empty"
    known = _SENTENCES.get(details["type"])
    if known is None:
        return details["msg"]
    said = known.format_map({name: _plain(value) for name, value in context.items()})
    return _OF_ONE.sub(lambda found: f" 1 {_ONE[found[1]]}", said)


def _plain(value: object) -> object:
    """A limit as people write it: 120, not 120.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
