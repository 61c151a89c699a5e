"""`wait_for`: until an element is visible, or a number of ms: `{"type": "wait_for", "selector": ".loaded"}`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from journeys.selectors import Selector
from journeys.steps.base import MAX_TIMEOUT_S, PAGE_S, Step
from model.validation import FieldsError

if TYPE_CHECKING:
    from journeys.walk import Walk


class WaitFor(Step):
    """Exactly one of `selector` and `ms`."""

    reads_only: ClassVar[bool] = True
    default_timeout_s: ClassVar[float] = PAGE_S

    type: Literal["wait_for"]
    selector: Selector | None = None
    ms: Annotated[float, Field(ge=0, le=MAX_TIMEOUT_S * 1000)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.selector is None) == (self.ms is None):
            raise FieldsError({"selector": "give either selector or ms"})
        return self

    @property
    def timeout_s(self) -> float:
        """A pause takes as long as it says."""
        return super().timeout_s if self.ms is None else max(super().timeout_s, self.ms / 1000 + 1)

    @property
    def needs_page(self) -> bool:
        """A pause needs none."""
        return self.selector is not None

    def shown(self) -> str:
        return super().shown() if self.ms is None else f"wait_for {self.ms:g} ms"

    async def run(self, walk: Walk) -> None:
        if self.selector is not None:
            found = walk.all(self, self.selector).filter(visible=True).first
            await found.wait_for(state="visible", timeout=walk.left_ms)
        elif self.ms is not None:
            left_s = walk.step_began + self.ms / 1000 - asyncio.get_running_loop().time()
            allowed_s = walk.left_s
            await asyncio.sleep(max(min(left_s, allowed_s), 0))
            if left_s > allowed_s:
                raise TimeoutError
