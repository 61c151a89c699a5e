"""`goto`: open a page, as by typing its address: `{"type": "goto", "url": "https://example.com/login"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from journeys.steps.base import PAGE_S, Step
from journeys.urls import StepUrl

if TYPE_CHECKING:
    from journeys.walk import Walk


class Goto(Step):
    """Opens `url`, absolute or relative to the journey's base. `status`: what it must be answered with, by default
    anything under 400; with it a page that is not found can be looked at too."""

    default_timeout_s: ClassVar[float] = PAGE_S
    subject: ClassVar[str] = "url"

    type: Literal["goto"]
    url: StepUrl
    status: Annotated[int, Field(ge=100, le=599)] | None = None

    @property
    def needs_page(self) -> bool:
        """It opens one."""
        return False

    async def run(self, walk: Walk) -> None:
        await walk.open(walk.base.resolve(self.url), self.status)
