"""`redirects`: how many redirects were followed."""

from __future__ import annotations

from typing import Any, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase, present
from model.assertions.values import whole_number


class Redirects(AssertionBase):
    """Hops before the answer: 0 when the first address answered."""

    type: Literal["redirects"]
    operator: Literal[
        "equals", "not_equals", "less_than", "less_or_equal", "greater_than", "greater_or_equal", "in", "not_in",
    ] = "equals"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> int:
        return whole_number(value)

    def read(self, answer: Answer) -> int:
        return present(answer.redirects, "there was no HTTP answer")
