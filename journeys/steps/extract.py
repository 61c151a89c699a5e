"""`extract`: keep an element's text, or one of its attributes, as a variable for the steps that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import StringConstraints

from journeys.errors import StepError
from journeys.steps.base import ElementStep
from journeys.variables import VariableName
from model.fields import MAX_TEXT

if TYPE_CHECKING:
    from journeys.walk import Walk


class Extract(ElementStep):
    """`attribute` `value` is what stands in a field now. The text is without white space at its ends."""

    reads_only: ClassVar[bool] = True

    type: Literal["extract"]
    attribute: Annotated[str, StringConstraints(pattern=r"^[^\s\"'<>/=\x00-\x1f]{1,100}$")] | None = None
    variable: VariableName

    async def run(self, walk: Walk) -> None:
        element = walk.any(self, self.selector)
        if self.attribute is None:
            value: str | None = await element.inner_text(timeout=walk.left_ms)
        elif self.attribute == "value":
            value = await element.input_value(timeout=walk.left_ms)
        else:
            value = await element.get_attribute(self.attribute, timeout=walk.left_ms)
        if value is None:
            raise StepError(f"element has no attribute {self.attribute}")
        if len(value) > MAX_TEXT:
            raise StepError(f"what is there is longer than {MAX_TEXT} characters")
        walk.keep(self.variable, value.strip())
