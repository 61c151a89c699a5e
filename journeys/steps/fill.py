"""`fill`: type into a field, in place of what stands there: `{"selector": "#email", "value": "me"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from journeys.steps.base import ElementStep
from model.fields import Text

if TYPE_CHECKING:
    from journeys.walk import Walk


class Fill(ElementStep):
    """What comes from a `{{NAME}}` is typed, but shown in no picture, trace or log."""

    type: Literal["fill"]
    value: Text

    async def run(self, walk: Walk) -> None:
        field = walk.visible(self)
        if walk.step_is_secret:
            walk.covered.append(field)
        await field.fill(self.value, timeout=walk.left_ms)
