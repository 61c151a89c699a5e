"""`press`: press a key or a combination, `Enter` or `Control+A`, on an element or wherever the focus is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, StringConstraints

from journeys.selectors import Selector
from journeys.steps.base import Step
from model.fields import printable

if TYPE_CHECKING:
    from journeys.walk import Walk


class Press(Step):
    """Keys have the names of the web's `KeyboardEvent.key`, with `Shift`, `Control`, `Alt`, `Meta` before a `+`."""

    subject: ClassVar[str] = "key"

    type: Literal["press"]
    key: Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(printable)]
    selector: Selector | None = None

    async def run(self, walk: Walk) -> None:
        if self.selector is not None:
            element = walk.all(self, self.selector).filter(visible=True).first
            await element.press(self.key, timeout=walk.left_ms)
        else:
            await walk.page.keyboard.press(self.key)
