"""`json_path`: what a JSONPath (RFC 9535) leads to in a JSON body.

One match is its value, several are a list, none fails all but `not_exists`. Values are compared as JSON: "5" is not 5.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, StringConstraints

from model.answer import Answer
from model.assertions.base import AssertionBase, UnreadableError
from model.assertions.values import json_value
from model.fields import printable
from model.matching.json_text import ABSENT
from model.matching.paths import MAX_PATH, path_of


def _json_path(text: str) -> str:
    path_of(text)
    return text


class JsonPath(AssertionBase):
    """`contains` looks for a part in a text, an entry in a list, a key in an object; `matches` at a text or number, and
    at each of a list."""

    type: Literal["json_path"]
    path: Annotated[str, StringConstraints(max_length=MAX_PATH), AfterValidator(printable), AfterValidator(_json_path)]
    operator: Literal[
        "equals", "not_equals", "contains", "not_contains", "matches", "not_matches", "less_than", "less_or_equal",
        "greater_than", "greater_or_equal", "in", "not_in", "exists", "not_exists",
    ] = "equals"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> Any:
        return json_value(value)

    def read(self, answer: Answer) -> Any:
        document = answer.document
        if document.problem is not None:
            raise UnreadableError(f"the body {document.problem}")
        found = path_of(self.path).values(document.value, len(answer.body or ""))
        if not found:
            return ABSENT
        return found[0] if len(found) == 1 else found
