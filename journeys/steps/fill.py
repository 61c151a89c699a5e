"""`fill`: type into a field, in place of what stands there: `{"selector": "#email", "value": "me"}`."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep
from model.fields import Text


class Fill(ElementStep):
    """What comes from a `{{NAME}}` is typed, but shown in no picture, trace or log."""

    type: Literal["fill"]
    value: Text
