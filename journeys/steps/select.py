"""`select`: choose an option of a `<select>` by value, label or place: `{"selector": "#colour", "label": "Blue"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from journeys.steps.base import ElementStep
from model.fields import Text
from model.validation import FieldsError

if TYPE_CHECKING:
    from journeys.walk import Walk


class Select(ElementStep):
    """Exactly one of `value`, `label` and `index` (from 0) says which."""

    type: Literal["select"]
    value: Text | None = None
    label: Text | None = None
    index: Annotated[int, Field(ge=0, le=100_000)] | None = None

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if sum(choice is not None for choice in (self.value, self.label, self.index)) != 1:
            raise FieldsError({"value": "give exactly one of value, label and index"})
        return self

    async def run(self, walk: Walk) -> None:
        await walk.visible(self).select_option(
            value=self.value, label=self.label, index=self.index, timeout=walk.left_ms
        )
