"""`http_version`: the protocol the answer came in, `1.0`, `1.1` or `2`."""

from __future__ import annotations

from typing import Any, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase, present

VERSIONS = ("1.0", "1.1", "2")


class HttpVersion(AssertionBase):
    """`1.0` < `1.1` < `2`. A number may stand for the text: 1.1, 2."""

    type: Literal["http_version"]
    operator: Literal[
        "equals", "not_equals", "less_than", "less_or_equal", "greater_than", "greater_or_equal", "in", "not_in",
    ] = "equals"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> str:
        text = "2" if value == 2 and not isinstance(value, str) else str(value)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)) or text not in VERSIONS:
            raise ValueError(f"must be one of {', '.join(VERSIONS)}")
        return text

    def read(self, answer: Answer) -> str:
        return present(answer.http_version, "there was no HTTP answer")
