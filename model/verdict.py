"""From assertions held against an answer to what a run says: passed, or the sentence that names what did not. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from model.answer import Answer
from model.assertions.base import AssertionBase
from model.assertions.status_code import SUCCESSFUL
from model.errors import ErrorCode
from model.matching.json_text import CUT, as_text
from model.outcome import AssertionResult, RunError

MAX_QUOTED = 200
"""Characters of a value quoted in a sentence."""

_SUBJECTS = {
    "status_code": "the status code",
    "response_time": "the response time in ms",
    "body": "the body",
    "json_path": "the value at",
    "json_schema": "the body",
    "header": "the header",
    "certificate_expiry": "the days left of the certificate",
    "http_version": "the HTTP version",
    "redirects": "the number of redirects",
    "record": "the records",
    "ttl": "the TTL",
    "response": "the response",
}
WISHES = {
    "equals": "to be",
    "not_equals": "not to be",
    "contains": "to contain",
    "not_contains": "not to contain",
    "matches": "to match",
    "not_matches": "not to match",
    "less_than": "to be less than",
    "less_or_equal": "to be at most",
    "greater_than": "to be more than",
    "greater_or_equal": "to be at least",
    "in": "to be one of",
    "not_in": "to be none of",
    "exists": "to exist",
    "not_exists": "not to exist",
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
    """`expected the status code to be 200, got 503`."""
    if result.type == "json_schema" and result.reason is None:
        return f"the body does not fit the schema: {_quoted(result.actual)}"
    implied = _is_implied(result.type, result.operator, result.expected)
    to_be = "to be" if implied else WISHES.get(result.operator)
    words = (_SUBJECTS.get(result.type, result.type), result.path, result.name, to_be)
    value = "" if result.operator in ("exists", "not_exists") else f" {_quoted(_expected(result))}"
    wish = f"expected {' '.join(filter(None, words))}{value}"
    if result.reason is not None:
        return f"{wish}, but {result.reason}"
    if result.actual is None and result.operator == "exists":
        return f"{wish}, but it does not"
    return f"{wish}, got {'none' if result.actual is None else _quoted(result.actual)}"


def wished(subject: str, operator: str, expected: object) -> object:
    """What an assertion expected, as people say it: `2xx`, not the pattern that this is."""
    return "2xx" if _is_implied(subject, operator, expected) else expected


def _is_implied(subject: str, operator: str, expected: object) -> bool:
    return subject == "status_code" and operator == "matches" and expected == SUCCESSFUL


def _expected(result: AssertionResult) -> object:
    return "the schema" if result.type == "json_schema" else wished(result.type, result.operator, result.expected)


def _quoted(value: object) -> str:
    """One line, that terminals and stores can hold."""
    text = as_text(value)
    if len(text) > MAX_QUOTED:
        text = text[:MAX_QUOTED] + CUT
    return "".join(character if character.isprintable() else " " for character in text)
