"""A failed assertion becomes a sentence that a person, a terminal and a store can take."""

from __future__ import annotations

from typing import Any

import pytest

from model.answer import Answer
from model.assertions.registry import ASSERTION_TYPES
from model.assertions.status_code import SUCCESSFUL
from model.matching.json_text import CUT
from model.verdict import assertion_error, hold

ANSWER = Answer(status_code=503, body='{"a": 1}', headers=(("X", "y"),), response="no\x00\r\n\x1b[31m")


def message(*assertions: dict[str, Any], answer: Answer = ANSWER) -> str | None:
    held = hold([ASSERTION_TYPES[given["type"]].model_validate(given) for given in assertions], answer)
    error = assertion_error(held)
    assert error is None or error.code == "assertion_failed"
    return None if error is None else error.message


@pytest.mark.parametrize(
    ("assertion", "sentence"),
    [
        ({"type": "status_code", "value": 200}, "expected the status code to be 200, got 503"),
        (
            {"type": "status_code", "operator": "matches", "value": SUCCESSFUL},
            "expected the status code to be 2xx, got 503",
        ),
        (
            {"type": "json_path", "path": "$.a", "operator": "in", "value": [2, 3]},
            "expected the value at $.a to be one of [2, 3], got 1",
        ),
        (
            {"type": "json_path", "path": "$.b", "operator": "exists"},
            "expected the value at $.b to exist, but it does not",
        ),
        ({"type": "json_path", "path": "$.b", "value": 1}, "expected the value at $.b to be 1, got none"),
        ({"type": "header", "name": "x", "value": "z"}, "expected the header x to be z, got y"),
        ({"type": "json_schema", "value": {"type": "array"}}, "the body does not fit the schema: $: an object of 1 is"),
        (
            {"type": "certificate_expiry", "value": 7},
            "expected the days left of the certificate to be more than 7, but no certificate was shown",
        ),
    ],
)
def test_the_sentence_says_what_was_wanted_and_what_was_found(assertion: dict[str, Any], sentence: str) -> None:
    assert (message(assertion) or "").startswith(sentence)


def test_the_first_failure_speaks_for_all() -> None:
    passing, failing = {"type": "status_code", "value": 503}, {"type": "status_code", "value": 200}
    assert message(passing) is None
    assert message(passing, failing, failing) == (
        "2 of 3 assertions failed: expected the status code to be 200, got 503"
    )


def test_a_sentence_holds_no_character_that_breaks_a_terminal_or_a_store() -> None:
    said = message({"type": "response", "operator": "contains", "value": "ok"})
    assert said is not None
    assert said.isprintable()


def test_a_long_value_is_cut_at_the_end_of_the_sentence_where_scrubbing_looks_for_it() -> None:
    said = message({"type": "body", "operator": "contains", "value": "ok"}, answer=Answer(body="s" * 5_000))
    assert said is not None
    assert said.endswith("s" + CUT)
    assert len(said) < 300
