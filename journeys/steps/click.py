"""`click`: click an element once it is visible, still and not covered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from journeys.steps.base import ElementStep

if TYPE_CHECKING:
    from journeys.walk import Walk


class Click(ElementStep):
    """A step of type `click`."""

    type: Literal["click"]

    async def run(self, walk: Walk) -> None:
        await walk.visible(self).click(timeout=walk.left_ms)
