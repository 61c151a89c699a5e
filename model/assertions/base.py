"""What every assertion is: a pydantic model that holds one fact of an Answer against a value.

A type is one file: it names its operators, judges the value in a sentence, and reads its fact. How an operator
compares is the same for all (model/matching/comparison.py).
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from model.answer import Answer
from model.assertions.values import expected_value
from model.matching.comparison import NEGATED, Test, compiled_test
from model.matching.json_text import ABSENT, shown
from model.matching.work import TooMuchWorkError
from model.outcome import AssertionResult

Operator = Literal[
    "equals", "not_equals", "contains", "not_contains", "matches", "not_matches", "less_than", "less_or_equal",
    "greater_than", "greater_or_equal", "in", "not_in", "exists", "not_exists",
]  # fmt: skip
Fact = TypeVar("Fact")
Value = Annotated[Any, Field(validate_default=True)]


class UnreadableError(Exception):
    """The answer does not hold the fact in a form that can be judged; the text says why, without quoting it."""


def present(fact: Fact | None, why_not: str) -> Fact:
    """The fact. Raises UnreadableError with `why_not` when the answer has none."""
    if fact is None:
        raise UnreadableError(why_not)
    return fact


class Compiled(NamedTuple):
    """What a run needs of an assertion, in plain attributes: a pydantic model's own cost 1 us each to read."""

    type: str
    operator: str
    expected: Any
    test: Test
    negated: bool
    path: str | None
    name: str | None


class AssertionBase(BaseModel):
    """Subclasses narrow `type` and `operator`, may override what judges the value, and read their fact.

    `from_text`: the fact is always text, so a number expected is held against the number in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    from_text: ClassVar[bool] = False

    type: str
    operator: Operator = "equals"
    value: Value = None

    @field_validator("value", mode="after")
    @classmethod
    def _value_fits(cls, value: Any, info: ValidationInfo) -> Any:
        operator = info.data.get("operator")
        return value if operator is None else cls.judge(operator, value)

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        """The test is made once per definition; a run only calls it."""
        _ = self.compiled
        return self

    @cached_property
    def compiled(self) -> Compiled:
        """Made at the first look. Raises FieldsError."""
        fields = self.__dict__
        return Compiled(
            type=self.type,
            operator=self.operator,
            expected=shown(self.value),
            test=self.test(),
            negated=self.operator in NEGATED or self.operator == "not_exists",
            path=fields.get("path"),
            name=fields.get("name"),
        )

    @classmethod
    def judge(cls, operator: str, value: Any) -> Any:
        """The value as it is kept, for its operator. Raises ValueError with a sentence."""
        return expected_value(operator, value, cls.expected_of)

    @classmethod
    def expected_of(cls, value: Any) -> Any:
        """One value as `equals`, `contains` or an order takes it. Raises ValueError with a sentence."""
        raise NotImplementedError

    def test(self) -> Test:
        """What `holds` asks of the fact. Raises FieldsError."""
        return compiled_test(NEGATED.get(self.operator, self.operator), self.value, from_text=self.from_text)

    def read(self, answer: Answer) -> Any:
        """The fact: any JSON value, or ABSENT when the answer could have it but does not. Raises UnreadableError."""
        raise NotImplementedError

    def holds(self, found: Any) -> bool:
        """Whether the fact, which is there, fits the operator without its "not"."""
        return self.compiled.test(found)

    def show(self, found: Any) -> Any:
        """The fact as a run keeps it, small."""
        return shown(found)

    def evaluate(self, answer: Answer | None) -> AssertionResult:
        """Never raises. With no answer, or none that can be judged: `actual` None, not passed, and a `reason`."""
        compiled = self.compiled
        if answer is None:
            return _result(compiled, None, passed=False)
        try:
            found = self.read(answer)
            if found is ABSENT:
                return _result(compiled, None, passed=compiled.operator == "not_exists")
            return _result(compiled, self.show(found), passed=self.holds(found) != compiled.negated)
        except (UnreadableError, TooMuchWorkError) as error:
            return _result(compiled, None, passed=False, reason=str(error))
        except RecursionError:
            return _result(compiled, None, passed=False, reason="the body is nested too deeply to be judged")


def _result(compiled: Compiled, actual: Any, *, passed: bool, reason: str | None = None) -> AssertionResult:
    return AssertionResult(
        compiled.type, compiled.operator, compiled.expected, actual, passed, compiled.path, compiled.name, reason
    )
