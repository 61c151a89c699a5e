"""Whatever a target sends and a person writes, an evaluation ends soon, and says when it gave up."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from model.answer import Answer
from model.assertions.registry import ASSERTION_TYPES
from model.matching import paths, schemas
from model.matching.patterns import PatternError, pattern_of
from model.outcome import AssertionResult

PATIENCE_S = 5.0
"""Of this thread's own CPU time, so that a loaded machine fails no test: far above what is allowed, far below what an
unbounded evaluation takes."""


def evaluated(kind: str, body: str, **fields: Any) -> AssertionResult:
    assertion = ASSERTION_TYPES[kind].model_validate({"type": kind, **fields})
    started = time.thread_time()
    result = assertion.evaluate(Answer(body=body))
    assert time.thread_time() - started < PATIENCE_S
    return result


NESTED = "[" * 60 + "1" + "]" * 60
WIDE = json.dumps([{"id": n, "name": f"name {n}", "tags": ["a", "b"]} for n in range(12_000)])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("$" + "..*" * 20, NESTED),
        ("$..*..*..*", WIDE),
        ("$" + "[0,0,0,0,0,0,0,0]" * 30, NESTED),
        ("$[?" + "||".join(["@.id<0"] * 120) + "]", WIDE),
        ("$..[?count($..*) == count(@..*)]", WIDE),
        ("$..[?@ == $[0] || $ == $]", WIDE),
        ("$[?match(@.name, $[0].name) || search(@.name, @.name)]", WIDE),
    ],
)
def test_a_path_that_would_walk_forever_is_given_up(path: str, body: str) -> None:
    result = evaluated("json_path", body, path=path, operator="exists")
    assert not result.passed
    assert result.reason is not None
    assert "steps" in result.reason


def test_a_plain_path_through_a_large_body_is_not_given_up() -> None:
    assert evaluated("json_path", WIDE, path="$..id", operator="contains", value=11_999).passed
    assert evaluated("json_path", WIDE, path="$[?@.id == 11999].name", value="name 11999").passed


def test_a_filter_runs_its_patterns_on_re2() -> None:
    body = json.dumps([{"name": "a" * 40 + "!"}])
    result = evaluated("json_path", body, path="$[?match(@.name, '(a+)+')]", operator="not_exists")
    assert result.passed
    assert evaluated("json_path", body, path="$[?search(@.name, '(a)\\\\1')]", operator="not_exists").passed


@pytest.mark.parametrize("depth", [900, 5_000, 100_000])
@pytest.mark.parametrize("kind", ["json_path", "json_schema"])
def test_a_body_nested_to_any_depth_ends_in_a_verdict(depth: int, kind: str) -> None:
    fields: dict[str, Any] = {"json_path": {"path": "$..x", "operator": "exists"}, "json_schema": {"value": {}}}[kind]
    result = evaluated(kind, "[" * depth + "]" * depth, **fields)
    assert result.passed == (kind == "json_schema" and depth == 900)


def test_a_deep_value_is_kept_as_text() -> None:
    result = evaluated("json_path", "[" * 900 + "]" * 900, path="$", operator="exists")
    assert result.passed
    assert isinstance(result.actual, str)


def test_a_body_too_large_for_json_is_refused_with_its_limit() -> None:
    result = evaluated("json_path", '"' + "x" * (5 << 20) + '"', path="$", operator="exists")
    assert result.reason == "the body is larger than 4 MiB"


def _doubling(levels: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {"d0": {"type": "integer"}}
    for level in range(1, levels):
        definitions[f"d{level}"] = {"allOf": [{"$ref": f"#/$defs/d{level - 1}"}] * 2}
    return {"$defs": definitions, "$ref": f"#/$defs/d{levels - 1}"}


@pytest.mark.parametrize(
    ("schema", "body", "says"),
    [
        (_doubling(40), "1", "steps"),
        ({"$ref": "#"}, "1", "nested too deeply"),
        ({"uniqueItems": True}, json.dumps(list(range(150_000))), "steps"),
        ({"items": {"anyOf": [{"type": "string"}] * 200}}, WIDE, None),
        ({"anyOf": [{"type": "string"}] * 500}, WIDE, None),
        ({"pattern": "(a+)+$"}, json.dumps("a" * 40 + "!"), None),
        ({"patternProperties": {"(a+)+$": False}, "additionalProperties": False}, '{"aaaaaaaaaa!": 1}', None),
    ],
)
def test_a_schema_that_would_run_forever_is_given_up(schema: Any, body: str, says: str | None) -> None:
    result = evaluated("json_schema", body, value=schema)
    assert not result.passed
    assert says is None or says in (result.reason or "")


def test_nothing_a_schema_complains_of_is_long() -> None:
    for schema in ({"type": "string"}, {"enum": [WIDE[:9_000]]}, {"maxItems": 1}, {"contains": {"const": 0}}):
        result = evaluated("json_schema", WIDE, value=schema)
        assert isinstance(result.actual, str)
        assert len(result.actual) < 600


def test_a_pattern_that_compiles_to_too_much_is_refused_when_it_is_written() -> None:
    for pattern in ("((a{100}){100}){100}", "a{1001}", "(.{1,500}){20}", "x" * 2_001, r"\p{L}{300}"):
        with pytest.raises(PatternError):
            pattern_of(pattern)


def test_a_pattern_too_slow_for_a_long_text_is_given_up() -> None:
    result = evaluated("body", "ab" * 600_000, operator="matches", value="(?:a|b)*a(?:a|b){200}Z")
    assert result.reason is None or "too complex" in result.reason
    heavy = evaluated("body", "ab" * 600_000, operator="not_matches", value="(x?){900}y")
    assert not heavy.passed
    assert "too complex" in (heavy.reason or "")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){25}", r"(x+x+)+y"])
def test_what_kills_other_engines_takes_ms_here(pattern: str) -> None:
    evaluated("body", "a" * 1_000_000, operator="matches", value=pattern)


def test_small_bodies_get_few_steps_since_they_are_judged_on_the_loop() -> None:
    assert paths._FEWEST_STEPS < paths.MAX_STEPS / 5
    assert schemas._FEWEST_STEPS < schemas.MAX_STEPS / 5
