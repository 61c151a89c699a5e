"""`double_click`: click an element twice, as quickly as people do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from journeys.steps.base import ElementStep

if TYPE_CHECKING:
    from journeys.walk import Walk


class DoubleClick(ElementStep):
    """A step of type `double_click`."""

    type: Literal["double_click"]

    async def run(self, walk: Walk) -> None:
        await walk.visible(self).dblclick(timeout=walk.left_ms)
