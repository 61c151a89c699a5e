"""`status_code`: the HTTP status of the last hop, `{"type": "status_code", "operator": "in", "value": [200, 204]}`."""

from __future__ import annotations

from typing import Any, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase, present
from model.assertions.values import whole_number

SUCCESSFUL = "^2[0-9][0-9]$"
"""What an API's status has to match where its check says nothing else."""


class StatusCode(AssertionBase):
    """The HTTP status. `matches` looks at its three digits: `^2`."""

    type: Literal["status_code"]
    operator: Literal[
        "equals", "not_equals", "less_than", "less_or_equal", "greater_than", "greater_or_equal", "in", "not_in",
        "matches", "not_matches",
    ] = "equals"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> int:
        return whole_number(value)

    def read(self, answer: Answer) -> int:
        return present(answer.status_code, "there was no HTTP answer")
