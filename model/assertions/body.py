"""`body`: the text of the answer's body, as far as it was read."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase, present
from model.assertions.values import text_or_number
from model.matching.json_text import ABSENT, Absent


class Body(AssertionBase):
    """The body as text. It exists when it is not empty."""

    from_text: ClassVar[bool] = True

    type: Literal["body"]
    operator: Literal[
        "equals", "not_equals", "contains", "not_contains", "matches", "not_matches", "in", "not_in", "exists",
        "not_exists",
    ] = "equals"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> str | float | int:
        return text_or_number(value)

    def read(self, answer: Answer) -> str | Absent:
        found = present(answer.body, "the body was not read")
        return ABSENT if not found and self.operator in ("exists", "not_exists") else found
