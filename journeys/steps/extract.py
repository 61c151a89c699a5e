"""`extract`: keep an element's text, or one of its attributes, as a variable for the steps that follow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from journeys.steps.base import ElementStep
from journeys.variables import VariableName


class Extract(ElementStep):
    """`attribute` `value` is what stands in a field now. The text is without white space at its ends."""

    type: Literal["extract"]
    attribute: Annotated[str, StringConstraints(pattern=r"^[^\s\"'<>/=\x00-\x1f]{1,100}$")] | None = None
    variable: VariableName
