"""`click`: click an element once it is visible, still and not covered."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep


class Click(ElementStep):
    """A step of type `click`."""

    type: Literal["click"]
