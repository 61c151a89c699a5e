"""`record`: the records of a DNS answer, as in a zone file: names lower case with no final dot, TXT unquoted.

`contains` and `matches`: at least one record does; `equals`: the same set, whatever the order; `in`: each record is one
of the list, `not_in`: none is; `exists`: there is one at all.
"""

from __future__ import annotations

from typing import Any, Literal

from model.answer import Answer
from model.assertions.base import AssertionBase, present
from model.assertions.values import text
from model.matching.json_text import ABSENT, Absent

MAX_RECORDS = 100


class Record(AssertionBase):
    """`value` is a record, or for `equals` a list of them."""

    type: Literal["record"]
    operator: Literal[
        "equals", "not_equals", "contains", "not_contains", "matches", "not_matches", "in", "not_in", "exists",
        "not_exists",
    ] = "equals"  # fmt: skip

    @classmethod
    def judge(cls, operator: str, value: Any) -> Any:
        if operator not in ("equals", "not_equals") or not isinstance(value, (list, tuple)):
            return super().judge(operator, value)
        if not 0 < len(value) <= MAX_RECORDS:
            raise ValueError(f"must be a record, or a list of 1 to {MAX_RECORDS}")
        return [text(record) for record in value]

    @classmethod
    def expected_of(cls, value: Any) -> str:
        return text(value)

    def read(self, answer: Answer) -> list[str] | Absent:
        return list(present(answer.records, "there was no answer with records")) or ABSENT

    def holds(self, found: list[str]) -> bool:
        if self.operator in ("equals", "not_equals"):
            return set(found) == {self.value} if isinstance(self.value, str) else set(found) == set(self.value)
        return all(map(self.compiled.test, found)) if self.operator == "in" else any(map(self.compiled.test, found))
