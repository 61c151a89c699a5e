"""`expect_count`: so many elements fit a selector, visible or not: `{"selector": "li.item", "value": 3}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from journeys.steps.base import ElementStep

if TYPE_CHECKING:
    from journeys.walk import Walk


class ExpectCount(ElementStep):
    """`value` 0: there is none."""

    reads_only: ClassVar[bool] = True

    type: Literal["expect_count"]
    value: Annotated[int, Field(ge=0, le=1_000_000)]

    async def run(self, walk: Walk) -> None:
        await walk.until(
            walk.all(self, self.selector).count,
            lambda count: count == self.value,
            lambda count: f"expected {self.value} elements, got {count}",
        )
