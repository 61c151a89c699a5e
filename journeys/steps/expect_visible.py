"""`expect_visible`: an element is there to be seen, now or within the step's timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from journeys.steps.base import ElementStep

if TYPE_CHECKING:
    from journeys.walk import Walk


class ExpectVisible(ElementStep):
    """A step of type `expect_visible`."""

    reads_only: ClassVar[bool] = True

    type: Literal["expect_visible"]

    async def run(self, walk: Walk) -> None:
        await walk.visible(self).wait_for(state="visible", timeout=walk.left_ms)
