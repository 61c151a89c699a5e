"""`response_time`: how long the run took, in ms, `{"type": "response_time", "operator": "less_than", "value": 500}`."""

from __future__ import annotations

from typing import Any, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase
from model.assertions.values import number


class ResponseTime(AssertionBase):
    """Milliseconds, of the run's `duration_ms`. The operator, left out, is `less_than`."""

    type: Literal["response_time"]
    operator: Literal[
        "equals", "not_equals", "less_than", "less_or_equal", "greater_than", "greater_or_equal", "in", "not_in",
    ] = "less_than"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> float | int:
        return number(value)

    def read(self, answer: Answer) -> float:
        return round(answer.duration_ms, 3)
