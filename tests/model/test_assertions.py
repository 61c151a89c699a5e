"""What each assertion type finds in an answer, and what each operator makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import model.assertions
from model.answer import Answer
from model.assertions.base import AssertionBase
from model.assertions.registry import ASSERTION_TYPES
from model.outcome import AssertionResult

JSON = '{"id": 7, "ok": true, "name": "Ann", "none": null, "tags": ["a", "b"], "items": [{"n": 1}, {"n": 2.0}]}'
ANSWER = Answer(
    duration_ms=123.4567,
    status_code=204,
    http_version="1.1",
    headers=(("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Length", "42")),
    body=JSON,
    redirects=2,
    certificate_days=12.345,
    records=("10 mail.example.com", "20 mail2.example.com"),
    ttl=300,
    response="220 mail.example.com ESMTP",
)


def judged(kind: str, operator: str, value: Any = None, *, answer: Answer | None = ANSWER, **fields: Any) -> bool:
    return result_of(kind, operator, value, answer=answer, **fields).passed


def result_of(
    kind: str, operator: str, value: Any = None, *, answer: Answer | None = ANSWER, **fields: Any
) -> AssertionResult:
    given = {"type": kind, "operator": operator, **({} if value is None else {"value": value}), **fields}
    return ASSERTION_TYPES[kind].model_validate(given).evaluate(answer)


def test_every_file_of_the_folder_is_registered_under_its_own_name() -> None:
    folder = Path(model.assertions.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "registry", "values"}
    assert files == set(ASSERTION_TYPES)
    for name, kind in ASSERTION_TYPES.items():
        assert kind.__module__ == f"model.assertions.{name}"
        assert issubclass(kind, AssertionBase)


@pytest.mark.parametrize(
    ("kind", "operator", "value", "passed"),
    [
        ("status_code", "equals", 204, True),
        ("status_code", "equals", 204.0, True),
        ("status_code", "not_equals", 204, False),
        ("status_code", "in", [200, 204], True),
        ("status_code", "not_in", [200, 204], False),
        ("status_code", "less_than", 204, False),
        ("status_code", "less_or_equal", 204, True),
        ("status_code", "greater_than", 203, True),
        ("status_code", "greater_or_equal", 205, False),
        ("status_code", "matches", "^2..$", True),
        ("status_code", "not_matches", "^5", True),
        ("response_time", "less_than", 123.457, False),
        ("response_time", "less_or_equal", 123.457, True),
        ("response_time", "greater_than", 123, True),
        ("certificate_expiry", "greater_than", 12, True),
        ("certificate_expiry", "less_than", 7, False),
        ("redirects", "equals", 2, True),
        ("redirects", "in", [0, 1], False),
        ("ttl", "greater_or_equal", 300, True),
        ("http_version", "equals", "1.1", True),
        ("http_version", "equals", 1.1, True),
        ("http_version", "in", ["1.1", "2"], True),
        ("http_version", "less_than", 2, True),
        ("http_version", "greater_or_equal", "2", False),
        ("body", "contains", '"name": "Ann"', True),
        ("body", "not_contains", "error", True),
        ("body", "matches", r'"id":\s*\d', True),
        ("body", "not_matches", "(?i)ERROR", True),
        ("body", "equals", "x", False),
        ("body", "in", ["x", JSON], True),
        ("response", "contains", "ESMTP", True),
        ("response", "matches", "^220 ", True),
        ("response", "equals", 220, False),
    ],
)
def test_an_operator_holds_or_does_not(kind: str, operator: str, value: Any, passed: bool) -> None:
    assert judged(kind, operator, value) is passed


@pytest.mark.parametrize(
    ("operator", "value", "passed"),
    [
        ("equals", "b=2", True),
        ("equals", "a=1, b=2", True),
        ("equals", "a=1,b=2", False),
        ("contains", "a=", True),
        ("not_contains", "a=", False),
        ("not_contains", "c=", True),
        ("matches", "^b=", True),
        ("in", ["x", "a=1"], True),
        ("not_in", ["x", "a=1"], False),
        ("exists", None, True),
        ("not_exists", None, False),
    ],
)
def test_a_header_that_comes_twice_is_judged_value_by_value_and_joined(operator: str, value: Any, passed: bool) -> None:
    result = result_of("header", operator, value, name="SET-COOKIE")
    assert result.passed is passed
    assert result.name == "SET-COOKIE"
    assert result.actual == "a=1, b=2"


@pytest.mark.parametrize("operator", ["equals", "not_equals", "contains", "not_contains", "exists"])
def test_a_header_that_did_not_come_fails_all_but_not_exists(operator: str) -> None:
    assert not judged("header", operator, None if operator == "exists" else "x", name="missing")
    assert judged("header", "not_exists", name="missing")


def test_a_number_is_held_against_the_number_that_a_header_writes() -> None:
    assert judged("header", "equals", 42, name="length")
    assert judged("header", "equals", 42.0, name="length")
    assert judged("header", "less_than", 100, name="length")
    assert judged("header", "less_than", "100", name="length")
    assert not judged("header", "less_than", 5, name="length")
    assert not judged("header", "less_than", 5, name="content-type")


@pytest.mark.parametrize(
    ("path", "operator", "value", "passed", "actual"),
    [
        ("$.id", "equals", 7, True, 7),
        ("$.id", "equals", 7.0, True, 7),
        ("$.id", "equals", "7", False, 7),
        ("$.ok", "equals", True, True, True),
        ("$.ok", "equals", 1, False, True),
        ("$.id", "less_than", 8, True, 7),
        ("$.name", "contains", "nn", True, "Ann"),
        ("$.name", "matches", "^A", True, "Ann"),
        ("$.name", "less_than", "Bob", True, "Ann"),
        ("$.name", "less_than", 5, False, "Ann"),
        ("$.tags", "contains", "a", True, ["a", "b"]),
        ("$.tags", "contains", "ab", False, ["a", "b"]),
        ("$.tags[*]", "equals", ["a", "b"], True, ["a", "b"]),
        ("$.tags[?@ == 'a']", "equals", "a", True, "a"),
        ("$.items[*].n", "equals", [1, 2], True, [1, 2.0]),
        ("$.items[*].n", "contains", 2, True, [1, 2.0]),
        ("$.items[0]", "contains", "n", True, {"n": 1}),
        ("$.items[*].n", "matches", "^2", True, [1, 2.0]),
        ("$.none", "exists", None, True, None),
        ("$.none", "not_exists", None, False, None),
        ("$.none", "equals", 0, False, None),
        ("$.id", "in", [1, 7], True, 7),
        ("$.id", "not_in", [1, 7], False, 7),
        ("$.missing", "not_exists", None, True, None),
        ("$.missing", "exists", None, False, None),
        ("$.missing", "not_equals", 1, False, None),
        ("$.missing", "not_contains", "x", False, None),
    ],
)
def test_json_path_compares_as_json(path: str, operator: str, value: Any, passed: bool, actual: Any) -> None:
    result = result_of("json_path", operator, value, path=path)
    assert (result.passed, result.actual, result.path) == (passed, actual, path)


def test_a_null_in_the_body_equals_null() -> None:
    null = ASSERTION_TYPES["json_path"].model_validate({"type": "json_path", "path": "$.none", "value": None})
    assert null.evaluate(ANSWER).passed
    other = ASSERTION_TYPES["json_path"].model_validate({"type": "json_path", "path": "$.id", "value": None})
    assert not other.evaluate(ANSWER).passed


def test_json_schema_names_the_first_thing_that_does_not_fit() -> None:
    schema = {"type": "object", "properties": {"items": {"items": {"properties": {"n": {"type": "string"}}}}}}
    result = result_of("json_schema", "matches", schema)
    assert not result.passed
    assert result.actual == "$.items[0].n: 1 is not of type 'string'"
    assert judged("json_schema", "matches", {"required": ["id", "name"]})


@pytest.mark.parametrize(
    ("operator", "value", "passed"),
    [
        ("equals", ["20 mail2.example.com", "10 mail.example.com"], True),
        ("equals", ["10 mail.example.com"], False),
        ("equals", "10 mail.example.com", False),
        ("not_equals", "10 mail.example.com", True),
        ("contains", "mail2", True),
        ("not_contains", "mail2", False),
        ("matches", "^10 ", True),
        ("not_matches", "^30 ", True),
        ("in", ["10 mail.example.com", "20 mail2.example.com", "30 x"], True),
        ("in", ["10 mail.example.com"], False),
        ("not_in", ["10 mail.example.com"], False),
        ("not_in", ["30 x"], True),
        ("exists", None, True),
    ],
)
def test_records_are_judged_as_a_set(operator: str, value: Any, passed: bool) -> None:
    assert judged("record", operator, value) is passed


def test_a_name_without_records_passes_only_not_exists() -> None:
    empty = Answer(records=())
    assert judged("record", "not_exists", answer=empty)
    assert not judged("record", "not_contains", "x", answer=empty)


def test_an_empty_body_does_not_exist_but_can_be_compared() -> None:
    empty = Answer(body="")
    assert judged("body", "not_exists", answer=empty)
    assert judged("body", "equals", "", answer=empty)
    assert judged("body", "not_contains", "x", answer=empty)


@pytest.mark.parametrize("kind", sorted(ASSERTION_TYPES))
@pytest.mark.parametrize("answer", [None, Answer()])
def test_without_an_answer_nothing_passes_and_nothing_is_found(kind: str, answer: Answer | None) -> None:
    fields = {"json_path": {"path": "$.a"}, "header": {"name": "x"}}.get(kind, {})
    value: Any = {"json_schema": {}, "http_version": "2", "record": "x"}.get(kind, -1)
    result = result_of(kind, "matches" if kind == "json_schema" else "equals", value, answer=answer, **fields)
    found = 0.0 if kind == "response_time" and answer else None
    assert (result.passed, result.actual) == (False, found)


def test_a_body_that_is_no_json_fails_and_says_why() -> None:
    for kind, fields in (("json_path", {"path": "$.a", "operator": "not_exists"}), ("json_schema", {"value": {}})):
        result = ASSERTION_TYPES[kind].model_validate({"type": kind, **fields}).evaluate(Answer(body="<html>"))
        assert not result.passed
        assert result.reason is not None
        assert "not JSON" in result.reason


def test_what_is_kept_of_a_long_value_is_short() -> None:
    long = result_of("body", "contains", "x", answer=Answer(body="x" * 5_000_000))
    assert len(long.actual) == 1_001
    many = result_of("json_path", "exists", path="$", answer=Answer(body="[" + "1234567890," * 5_000 + "1]"))
    assert isinstance(many.actual, str)
    assert len(many.actual) == 1_001
    huge = result_of("json_path", "exists", path="$.n", answer=Answer(body='{"n": 1' + "0" * 30 + "}"))
    assert huge.actual == "1" + "0" * 30
