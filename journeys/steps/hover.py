"""`hover`: move the pointer over an element."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep


class Hover(ElementStep):
    """A step of type `hover`."""

    type: Literal["hover"]
