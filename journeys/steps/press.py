"""`press`: press a key or a combination, `Enter` or `Control+A`, on an element or wherever the focus is."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, StringConstraints

from journeys.selectors import Selector
from journeys.steps.base import Step
from model.fields import printable


class Press(Step):
    """Keys have the names of the web's `KeyboardEvent.key`, with `Shift`, `Control`, `Alt`, `Meta` before a `+`."""

    subject: ClassVar[str] = "key"

    type: Literal["press"]
    key: Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(printable)]
    selector: Selector | None = None
