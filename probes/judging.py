"""From assertion results to the one error a failed run shows."""

from __future__ import annotations

from collections.abc import Iterable

from model.errors import ErrorCode
from model.outcome import AssertionResult, RunError

_MAX_SHOWN = 120
_WORDS = {
    "status_code": "status code",
    "response_time": "response time in ms",
    "body": "body",
    "json_path": "value at",
    "json_schema": "JSON schema",
    "header": "header",
    "certificate_expiry": "days left of the certificate",
    "http_version": "HTTP version",
    "redirects": "number of redirects",
    "record": "records",
    "ttl": "TTL",
    "response": "response",
}


def first_failure(results: Iterable[AssertionResult]) -> RunError | None:
    """`assertion_failed` with a sentence that names the first assertion that did not hold; None when all did."""
    failed = [result for result in results if not result.passed]
    if not failed:
        return None
    more = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
    return RunError(ErrorCode.ASSERTION_FAILED, sentence(failed[0]) + more)


def sentence(result: AssertionResult) -> str:
    """`expected status code less than 400, got 503`."""
    subject = " ".join(filter(None, (_WORDS.get(result.type, result.type), result.path, result.name)))
    operator = result.operator.replace("_", " ")
    if result.operator in ("exists", "not_exists"):
        return f"expected {subject} to {'exist' if result.operator == 'exists' else 'be absent'}"
    if result.type == "json_schema":
        return "the body does not match the JSON schema"
    if result.operator == "equals":
        operator = "to be"
    elif result.operator == "not_equals":
        operator = "not to be"
    return f"expected {subject} {operator} {_shown(result.expected)}, got {_shown(result.actual)}"


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
