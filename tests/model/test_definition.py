"""A definition is refused with a sentence per field, under the path a person would look at."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model.assertions.registry import ASSERTION_TYPES
from model.definition import CheckDefinition
from model.heartbeat import HeartbeatCheck
from model.validation import field_errors


class AnyCheck(CheckDefinition):
    """Takes every assertion."""

    assertion_types: ClassVar[frozenset[str]] = frozenset(ASSERTION_TYPES)
    type: Literal["any"]


class PickyCheck(AnyCheck):
    assertion_types: ClassVar[frozenset[str]] = frozenset({"ttl"})


def refused(kind: type[CheckDefinition] = AnyCheck, **fields: Any) -> dict[str, list[str]]:
    name = "heartbeat" if kind is HeartbeatCheck else "any"
    with pytest.raises(ValidationError) as caught:
        kind.model_validate({"type": name, "name": "n", **fields})
    return field_errors(caught.value)


def refused_assertion(**assertion: Any) -> dict[str, list[str]]:
    return refused(assertions=[{"type": "status_code", "value": 200}, assertion])


@pytest.mark.parametrize(
    ("assertion", "field", "sentence"),
    [
        ({}, "type", "must be one of status_code, response_time, body"),
        ({"type": "nonsense"}, "type", "must be one of status_code"),
        ({"type": 5}, "type", "must be one of status_code"),
        ({"type": "status_code"}, "value", "must be a number"),
        ({"type": "status_code", "value": "200"}, "value", "must be a number"),
        ({"type": "status_code", "value": True}, "value", "must be a number"),
        ({"type": "status_code", "value": 200.5}, "value", "must be a whole number"),
        ({"type": "status_code", "value": 200, "operator": "contains"}, "operator", "must be one of 'equals'"),
        ({"type": "status_code", "value": 200, "operator": "in"}, "value", "must be a list"),
        ({"type": "status_code", "value": [], "operator": "in"}, "value", "must have at least one entry"),
        ({"type": "status_code", "value": [200, "x"], "operator": "in"}, "value", "entry 1 must be a number"),
        ({"type": "status_code", "value": [1] * 1_001, "operator": "in"}, "value", "must have at most 1000 entries"),
        ({"type": "status_code", "value": 200, "path": "$"}, "path", "is not a field that is known here"),
        ({"type": "response_time", "value": float("nan")}, "value", "must be a finite number"),
        ({"type": "response_time", "value": float("inf")}, "value", "must be a finite number"),
        ({"type": "response_time", "value": 10**400}, "value", "at most 64 bits"),
        ({"type": "json_schema", "value": {"minimum": 10**30}}, "value", "at most 64 bits"),
        ({"type": "response_time", "value": 1, "operator": "matches"}, "operator", "must be one of"),
        ({"type": "http_version", "value": "3"}, "value", "must be one of 1.0, 1.1, 2"),
        ({"type": "http_version", "value": True}, "value", "must be one of"),
        ({"type": "body", "value": {"a": 1}}, "value", "must be text or a number"),
        ({"type": "body", "value": "a\x00"}, "value", "must not contain a NUL"),
        ({"type": "body", "value": "a\ud800"}, "value", "must not contain a lone surrogate"),
        ({"type": "body", "value": "x" * 10_001}, "value", "must have at most 10000 characters"),
        ({"type": "body", "operator": "exists", "value": 5}, "value", "must be left out: exists takes no value"),
        ({"type": "body", "operator": "exists", "value": False}, "value", "must be left out"),
        ({"type": "body", "operator": "matches", "value": 5}, "value", "must be text: a regular expression"),
        ({"type": "body", "operator": "matches", "value": "("}, "value", "is refused by RE2: missing ): ("),
        ({"type": "body", "operator": "matches", "value": "(?=a)"}, "value", "look-ahead is not supported"),
        ({"type": "body", "operator": "matches", "value": "(?<=a)b"}, "value", "look-behind is not supported"),
        ({"type": "body", "operator": "matches", "value": r"(a)\1"}, "value", "back-references are not supported"),
        ({"type": "body", "operator": "matches", "value": "a{1001}"}, "value", "invalid repetition size"),
        ({"type": "body", "operator": "matches", "value": "x" * 2_001}, "value", "must have at most 2000 characters"),
        ({"type": "header", "value": "x"}, "name", "is required"),
        ({"type": "header", "name": "a b", "value": "x"}, "name", "must be a header's name"),
        ({"type": "header", "name": "a\r\nb", "value": "x"}, "name", "must be a header's name"),
        ({"type": "header", "name": "a", "operator": "less_than", "value": None}, "value", "must be text or a number"),
        ({"type": "json_path", "value": 1}, "path", "is required"),
        ({"type": "json_path", "path": "a", "value": 1}, "path", "must begin with $"),
        ({"type": "json_path", "path": "$[", "value": 1}, "path", "is not a JSONPath (RFC 9535)"),
        ({"type": "json_path", "path": "$.a | $.b", "value": 1}, "path", "is not a JSONPath (RFC 9535)"),
        ({"type": "json_path", "path": "$[?@.x.length()]", "value": 1}, "path", "is not a JSONPath (RFC 9535)"),
        ({"type": "json_path", "path": "$" + "[?@" * 200 + "]" * 200, "value": 1}, "path", "is nested too deeply"),
        ({"type": "json_path", "path": "$" * 1_001, "value": 1}, "path", "must have at most 1000 characters"),
        ({"type": "json_path", "path": "$.a", "operator": "less_than", "value": [1]}, "value", "needs something that"),
        ({"type": "json_schema", "value": "x"}, "value", "must be a JSON Schema"),
        ({"type": "json_schema"}, "value", "must be a JSON Schema"),
        ({"type": "json_schema", "value": {"type": "strin"}}, "value", "is no JSON Schema: $.type"),
        ({"type": "json_schema", "value": {"$ref": "https://x.test/a"}}, "value", "nothing is fetched"),
        ({"type": "json_schema", "value": {"$ref": "#/$defs/a"}}, "value", "leads nowhere"),
        ({"type": "json_schema", "value": {"pattern": "(?!a)"}}, "value", "look-ahead is not supported"),
        ({"type": "json_schema", "value": {"$schema": "x"}}, "value", "names a $schema that is not known"),
        ({"type": "json_schema", "value": {"items": {"$schema": "x"}}}, "value", "at the top only"),
        ({"type": "json_schema", "operator": "equals", "value": {}}, "operator", "must be one of 'matches'"),
        ({"type": "record", "operator": "equals", "value": []}, "value", "a list of 1 to 100"),
        ({"type": "record", "operator": "contains", "value": ["a"]}, "value", "must be text"),
        ({"type": "certificate_expiry", "operator": "exists"}, "operator", "must be one of"),
    ],
)
def test_an_assertion_that_does_not_fit_is_refused_at_its_field(
    assertion: dict[str, Any], field: str, sentence: str
) -> None:
    errors = refused_assertion(**assertion)
    assert list(errors) == [f"assertions.1.{field}"]
    [message] = errors[f"assertions.1.{field}"]
    assert sentence in message


def test_an_assertion_that_is_no_object_is_refused_where_it_stands() -> None:
    assert refused(assertions=["status_code"]) == {"assertions.0": ["must be an object"]}
    assert refused(assertions={"type": "body"}) == {"assertions": ["must be a list"]}


def test_all_that_is_wrong_is_said_at_once() -> None:
    errors = refused(
        interval=0, timeout=500, locations=["A B"], nonsense=1, assertions=[{"type": "ttl", "value": "x"}, {}]
    )
    assert errors == {
        "interval": ["must be at least 1"],
        "timeout": ["must be at most 120"],
        "locations.0": ["must be 1 to 64 small letters, digits and hyphens, such as eu-west"],
        "assertions.0.value": ["must be a number"],
        "assertions.1.type": [f"must be one of {', '.join(ASSERTION_TYPES)}"],
        "nonsense": ["is not a field that is known here"],
    }


def test_an_assertion_about_something_this_type_of_check_has_not_is_refused() -> None:
    errors = refused(PickyCheck, assertions=[{"type": "ttl", "value": 1}, {"type": "body", "value": "x"}])
    assert errors == {"assertions.1.type": ["body says nothing about this type of check: it takes ttl"]}
    errors = refused(HeartbeatCheck, assertions=[{"type": "body", "value": "x"}])
    assert errors == {"assertions.0.type": ["body says nothing about this type of check: it takes no assertions"]}


def test_a_check_has_one_schedule() -> None:
    assert refused(interval=60, cron="* * * * *") == {"cron": ["give either interval or cron, not both"]}


@pytest.mark.parametrize("operator", ["exists", "not_exists"])
@pytest.mark.parametrize("value", [None, "", True])
def test_exists_takes_what_forms_send_in_an_empty_field(operator: str, value: Any) -> None:
    check = AnyCheck.model_validate(
        {"type": "any", "name": "n", "assertions": [{"type": "body", "operator": operator, "value": value}]}
    )
    assert check.assertions[0].value is None


def test_a_definition_read_back_from_its_own_json_is_the_same() -> None:
    assertions = [
        {"type": "status_code", "operator": "in", "value": [200, 204]},
        {"type": "json_path", "path": "$.a", "operator": "equals", "value": {"b": [1, None]}},
        {"type": "json_schema", "value": {"type": "object"}},
        {"type": "header", "name": "x", "operator": "exists"},
        {"type": "record", "value": ["a", "b"]},
    ]
    check = AnyCheck.model_validate({"type": "any", "name": "n", "assertions": assertions})
    assert AnyCheck.model_validate_json(check.model_dump_json()) == check
    assert AnyCheck.model_validate(check.model_dump(mode="json")) == check


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from([*ASSERTION_TYPES, "x"])},
        optional={
            "operator": st.sampled_from(["equals", "in", "matches", "contains", "less_than", "exists"]) | anything,
            "value": anything,
            "path": st.text(st.sampled_from("$.[]*?@()'\"abc01,:=!&|<>- "), max_size=20).map("$".__add__) | anything,
            "name": anything,
        },
    )
)
def test_any_assertion_is_taken_or_refused_with_sentences_but_never_crashes(assertion: dict[str, Any]) -> None:
    try:
        AnyCheck.model_validate({"type": "any", "name": "n", "assertions": [assertion]})
    except ValidationError as error:
        errors = field_errors(error)
        assert errors
        for path, messages in errors.items():
            assert path.startswith("assertions.0")
            assert "type=" not in path.split(".")
            assert all(messages)
            "".join([path, *messages]).encode()
