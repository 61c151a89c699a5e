"""`hover`: move the pointer over an element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from journeys.steps.base import ElementStep

if TYPE_CHECKING:
    from journeys.walk import Walk


class Hover(ElementStep):
    """A step of type `hover`."""

    type: Literal["hover"]

    async def run(self, walk: Walk) -> None:
        await walk.visible(self).hover(timeout=walk.left_ms)
