"""`response`: what a tcp peer sent, as text."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase, present
from model.assertions.values import text_or_number
from model.matching.json_text import ABSENT, Absent


class Response(AssertionBase):
    """What was read from the connection. It exists when anything came."""

    from_text: ClassVar[bool] = True

    type: Literal["response"]
    operator: Literal[
        "equals", "not_equals", "contains", "not_contains", "matches", "not_matches", "in", "not_in", "exists",
        "not_exists",
    ] = "equals"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> str | float | int:
        return text_or_number(value)

    def read(self, answer: Answer) -> str | Absent:
        found = present(answer.response, "nothing was read")
        return ABSENT if not found and self.operator in ("exists", "not_exists") else found
