"""`header`: the values of a header of the answer: {"type": "header", "name": "content-type", "operator": "exists"}.

A header that comes several times is judged value by value, and joined by commas as HTTP says they may be: any that
fits is enough; an operator with "not" wants that none fits. One that did not come fails all but `not_exists`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, StringConstraints

from model.answer import Answer
from model.assertions.base import AssertionBase
from model.assertions.values import text_or_number
from model.matching.json_text import ABSENT, Absent, shown

MAX_HEADER_NAME = 200
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("must be a header's name: letters, digits and - without spaces")
    return name


class Header(AssertionBase):
    """The name's case does not matter. A number expected is held against the number in the value."""

    from_text: ClassVar[bool] = True

    type: Literal["header"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_HEADER_NAME), AfterValidator(_header_name)]
    operator: Literal[
        "equals", "not_equals", "contains", "not_contains", "matches", "not_matches", "less_than", "less_or_equal",
        "greater_than", "greater_or_equal", "in", "not_in", "exists", "not_exists",
    ] = "equals"  # fmt: skip

    @classmethod
    def expected_of(cls, value: Any) -> str | float | int:
        return text_or_number(value)

    def read(self, answer: Answer) -> list[str] | Absent:
        wanted = self.name.lower()
        return [value for name, value in answer.headers if name.lower() == wanted] or ABSENT

    def holds(self, found: list[str]) -> bool:
        return any(map(self.compiled.test, found)) or (len(found) > 1 and self.compiled.test(", ".join(found)))

    def show(self, found: list[str]) -> Any:
        return shown(", ".join(found))
