"""`screenshot`: keep a picture of the page as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from journeys.steps.base import Step

if TYPE_CHECKING:
    from journeys.walk import Walk


class Screenshot(Step):
    """What is visible of the page; fields that hold secrets are covered."""

    reads_only: ClassVar[bool] = True
    subject: ClassVar[str] = "name"

    type: Literal["screenshot"]

    async def run(self, walk: Walk) -> None:
        """The picture itself is taken after the step, as one is after a step that failed."""
        _ = walk.page
