"""`uncheck`: clear a checkbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from journeys.steps.base import ElementStep

if TYPE_CHECKING:
    from journeys.walk import Walk


class Uncheck(ElementStep):
    """A step of type `uncheck`."""

    type: Literal["uncheck"]

    async def run(self, walk: Walk) -> None:
        await walk.visible(self).uncheck(timeout=walk.left_ms)
