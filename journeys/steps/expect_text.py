"""`expect_text`: an element's text, as it is seen, fits: `{"selector": "h1", "value": "Welcome"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from journeys.steps.base import ElementStep
from journeys.steps.expectation import TextExpectation, one_spaced

if TYPE_CHECKING:
    from journeys.walk import Walk


class ExpectText(ElementStep, TextExpectation):
    """White space counts as the browser shows it: runs of it are one space."""

    reads_only: ClassVar[bool] = True

    type: Literal["expect_text"]

    async def run(self, walk: Walk) -> None:
        element = walk.any(self, self.selector)
        await walk.until(
            lambda: one_spaced(element.inner_text(timeout=walk.left_ms)),
            self.test(),
            lambda found: self.expected("the text", found),
        )
