"""What every assertion is: a pydantic model that holds one fact of an Answer against a value."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from model.answer import Answer
from model.outcome import AssertionResult

Operator = Literal[
    "equals", "not_equals", "contains", "not_contains", "matches", "not_matches", "less_than", "less_or_equal",
    "greater_than", "greater_or_equal", "in", "not_in", "exists", "not_exists",
]  # fmt: skip


class AssertionBase(BaseModel):
    """Subclasses narrow `type`, `operator` and `value`, and read their fact from the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: str
    operator: Operator = "equals"
    value: Any = None

    def evaluate(self, answer: Answer | None) -> AssertionResult:
        """Never raises. With no answer: `actual` None, not passed."""
        raise NotImplementedError
