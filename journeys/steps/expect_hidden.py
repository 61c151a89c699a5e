"""`expect_hidden`: an element is gone or not to be seen, now or within the step's timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from journeys.steps.base import ElementStep

if TYPE_CHECKING:
    from journeys.walk import Walk


class ExpectHidden(ElementStep):
    """A step of type `expect_hidden`."""

    reads_only: ClassVar[bool] = True

    type: Literal["expect_hidden"]

    async def run(self, walk: Walk) -> None:
        seen = walk.all(self, self.selector).filter(visible=True)
        await walk.until(seen.count, lambda count: count == 0, _still_seen)


def _still_seen(count: int) -> str:
    return "element can still be seen" if count == 1 else f"{count} elements can still be seen"
