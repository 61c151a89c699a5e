"""`ttl`: seconds a DNS answer may be kept: the lowest TTL among its records."""

from __future__ import annotations

from typing import Any, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase, present
from model.assertions.values import whole_number


class Ttl(AssertionBase):
    """Seconds."""

    type: Literal["ttl"]
    operator: Literal[
        "equals", "not_equals", "less_than", "less_or_equal", "greater_than", "greater_or_equal", "in", "not_in",
    ] = "equals"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> int:
        return whole_number(value)

    def read(self, answer: Answer) -> int:
        return present(answer.ttl, "the answer holds no records")
