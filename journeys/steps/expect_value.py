"""`expect_value`: what stands in a field fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from journeys.steps.base import ElementStep
from journeys.steps.expectation import TextExpectation

if TYPE_CHECKING:
    from journeys.walk import Walk


class ExpectValue(ElementStep, TextExpectation):
    """Of an `<input>`, `<textarea>` or `<select>`."""

    reads_only: ClassVar[bool] = True

    type: Literal["expect_value"]

    async def run(self, walk: Walk) -> None:
        element = walk.any(self, self.selector)
        await walk.until(
            lambda: element.input_value(timeout=walk.left_ms),
            self.test(),
            lambda found: self.expected("the value", found),
        )
