"""An assertion as a row of a form, and back. Which types, operators and fields there are is read off their classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, get_args

from api.families import MONITOR
from model.assertions.registry import ASSERTION_TYPES
from model.matching.comparison import ORDER

Texts = dict[str, str]
WORDS = {
    "status_code": "Status", "response_time": "Time in all (ms)", "body": "Body", "json_path": "JSON value",
    "json_schema": "JSON schema", "header": "Header", "certificate_expiry": "Certificate, days left",
    "http_version": "HTTP version", "redirects": "Redirects", "record": "Records", "ttl": "TTL (s)",
    "response": "Answer",
}  # fmt: skip
SUBJECTS = {"header": "name", "json_path": "path"}
"""Of a type that looks at one of many things: the field that says at which."""
PARTS = ("type", "operator", "subject", "value")
_NUMBERS = frozenset({"status_code", "response_time", "certificate_expiry", "redirects", "ttl"})
_JSON = frozenset({"json_path", "json_schema"})


@cache
def types_of(kind: str) -> Sequence[str]:
    """The types of assertion that such a monitor takes, in the order of the registry."""
    return [name for name in ASSERTION_TYPES if name in MONITOR.types[kind].assertion_types]


@cache
def operators_of(type_: str) -> Sequence[str]:
    """The operators of a type of assertion; none for one that there is not."""
    known = ASSERTION_TYPES.get(type_)
    return get_args(known.model_fields["operator"].annotation) if known is not None else ()


def needs_value(operator: str) -> bool:
    return operator not in ("exists", "not_exists")


def document_of(row: Mapping[str, str]) -> dict[str, Any]:
    """What REST would be sent for a row."""
    type_, operator = row.get("type", ""), row.get("operator", "")
    found: dict[str, Any] = {"type": type_, "operator": operator}
    if type_ in SUBJECTS:
        found[SUBJECTS[type_]] = row.get("subject", "").strip()
    if needs_value(operator):
        found["value"] = _value(type_, operator, row.get("value", ""))
    return found


def row_of(assertion: Mapping[str, Any]) -> Texts:
    """A stored assertion as its row."""
    type_, operator = str(assertion["type"]), str(assertion.get("operator") or "equals")
    subject = str(assertion.get(SUBJECTS.get(type_, ""), "") or "")
    value = _text(type_, operator, assertion.get("value")) if needs_value(operator) else ""
    return {"type": type_, "operator": operator, "subject": subject, "value": value}


def _value(type_: str, operator: str, text: str) -> Any:
    if operator in ("in", "not_in"):
        listed = _json(text)
        return listed if isinstance(listed, list) else [_single(type_, operator, part) for part in text.split(",")]
    return _single(type_, operator, text)


def _single(type_: str, operator: str, text: str) -> Any:
    """`5` is a number where the fact may be one, and a text where it is always text; quotes make a text of it."""
    if operator in ("matches", "not_matches") and type_ != "json_schema":
        return text
    if type_ in _JSON:
        found = _json(text.strip())
        return text.strip() if found is _NOT_JSON else found
    if type_ in _NUMBERS or operator in ORDER:
        found = _json(text.strip())
        return found if isinstance(found, (int, float)) and not isinstance(found, bool) else text.strip()
    return text.strip() if operator in ("in", "not_in") else text


_NOT_JSON = object()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _text(type_: str, operator: str, value: Any) -> str:
    if operator in ("in", "not_in") and isinstance(value, list):
        plain = [each if isinstance(each, str) else json.dumps(each) for each in value]
        simple = type_ not in _JSON and all("," not in each and each == each.strip() for each in plain)
        return ", ".join(plain) if simple else json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False) if type_ in _JSON and _json(value) is not _NOT_JSON else value
