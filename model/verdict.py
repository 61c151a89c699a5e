"""From assertions held against an answer to what a run says: passed, or the sentence that names what did not. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from model.answer import Answer
from model.assertions.base import AssertionBase
from model.errors import ErrorCode
from model.matching.json_text import CUT, as_text
from model.outcome import AssertionResult, RunError

MAX_QUOTED = 200
"""Characters of a value quoted in a sentence."""

_WORDS = {
    "equals": "should equal",
    "not_equals": "should not equal",
    "contains": "should contain",
    "not_contains": "should not contain",
    "matches": "should match",
    "not_matches": "should not match",
    "less_than": "should be less than",
    "less_or_equal": "should be at most",
    "greater_than": "should be more than",
    "greater_or_equal": "should be at least",
    "in": "should be one of",
    "not_in": "should be none of",
    "exists": "should exist",
    "not_exists": "should not exist",
}


def hold(assertions: Sequence[AssertionBase], answer: Answer | None) -> tuple[AssertionResult, ...]:
    """Each assertion's result, in their order; `answer` None: there was no response, none passes."""
    return tuple([assertion.evaluate(answer) for assertion in assertions])


def assertion_error(results: Sequence[AssertionResult]) -> RunError | None:
    """`assertion_failed` with a sentence about the first that failed; None when all passed. What the target sent
    stands at the end, where a cut is seen for what it is."""
    failed = [result for result in results if not result.passed]
    if not failed:
        return None
    count = f"{len(failed)} of {len(results)} assertions failed: " if len(failed) > 1 else ""
    return RunError(ErrorCode.ASSERTION_FAILED, count + _sentence(failed[0]))


def _sentence(result: AssertionResult) -> str:
    about = f"{result.type} {result.path or result.name}" if result.path or result.name else result.type
    if result.type == "json_schema":
        return f"{about}: {_quoted(result.reason or result.actual)}"
    value = "" if result.operator in ("exists", "not_exists") else f" {_quoted(result.expected)}"
    wish = f"{about} {_WORDS.get(result.operator, result.operator)}{value}"
    if result.reason is not None:
        return f"{wish}, but {result.reason}"
    if result.actual is None and result.operator != "not_exists":
        return f"{wish}, but there is none"
    return f"{wish}, but it is {_quoted(result.actual)}"


def _quoted(value: object) -> str:
    """One line, that terminals and stores can hold."""
    text = as_text(value)
    if len(text) > MAX_QUOTED:
        text = text[:MAX_QUOTED] + CUT
    return "".join(character if character.isprintable() else " " for character in text)
