"""`check`: tick a checkbox or choose a radio button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from journeys.steps.base import ElementStep

if TYPE_CHECKING:
    from journeys.walk import Walk


class Check(ElementStep):
    """A step of type `check`."""

    type: Literal["check"]

    async def run(self, walk: Walk) -> None:
        await walk.visible(self).check(timeout=walk.left_ms)
