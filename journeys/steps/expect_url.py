"""`expect_url`: the page's address fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from journeys.steps.expectation import TextExpectation

if TYPE_CHECKING:
    from journeys.walk import Walk


class ExpectUrl(TextExpectation):
    """The whole address, query and fragment too."""

    reads_only: ClassVar[bool] = True
    subject: ClassVar[str] = "value"

    type: Literal["expect_url"]

    async def run(self, walk: Walk) -> None:
        test = self.model_copy(update={"value": walk.base.moved(self.value)}).test()

        async def address() -> str:
            return walk.page.url

        await walk.until(address, test, lambda found: self.expected("the address", found))
