"""What steps share that hold a text against a value: `{"value": "Welcome", "operator": "contains"}`."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from journeys.steps.base import Step
from journeys.variables import has_place
from model.fields import MAX_TEXT, printable
from model.matching.comparison import NEGATED, Test, compiled_test
from model.matching.json_text import CUT
from model.matching.patterns import PatternError, pattern_of
from model.validation import FieldsError
from model.verdict import MAX_QUOTED, WISHES

TextOperator = Literal["equals", "not_equals", "contains", "not_contains", "matches", "not_matches"]
ExpectedText = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(printable)]


class TextExpectation(Step):
    """Passes as soon as the text fits; fails with the text it had at the end. `matches` takes RE2's expressions."""

    value: ExpectedText
    operator: Annotated[TextOperator, Field(description="how the text is held against the value")] = "contains"

    @model_validator(mode="after")
    def _pattern_compiles(self) -> TextExpectation:
        if self.operator in ("matches", "not_matches") and not has_place(self.value):
            try:
                pattern_of(self.value)
            except PatternError as error:
                raise FieldsError({"value": str(error)}) from None
        return self

    def test(self) -> Test:
        """Whether a text fits."""
        fits = compiled_test(NEGATED.get(self.operator, self.operator), self.value)
        return (lambda found: not fits(found)) if self.operator in NEGATED else fits

    def expected(self, subject: str, found: str) -> str:
        """The sentence's end for a text that never fitted."""
        return f"expected {subject} {WISHES[self.operator]} {_quoted(self.value)}, got {_quoted(found)}"


async def one_spaced(reading: Awaitable[str]) -> str:
    """A text as it is seen: runs of white space are one space."""
    return " ".join((await reading).split())


def _quoted(text: str) -> str:
    shown = text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + CUT
    return '"' + "".join(character if character.isprintable() else " " for character in shown) + '"'
