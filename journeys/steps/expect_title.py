"""`expect_title`: the page's title fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from journeys.steps.expectation import TextExpectation, one_spaced

if TYPE_CHECKING:
    from journeys.walk import Walk


class ExpectTitle(TextExpectation):
    """White space as the browser shows it."""

    reads_only: ClassVar[bool] = True
    subject: ClassVar[str] = "value"

    type: Literal["expect_title"]

    async def run(self, walk: Walk) -> None:
        await walk.until(
            lambda: one_spaced(walk.page.title()), self.test(), lambda found: self.expected("the title", found)
        )
