"""`double_click`: click an element twice, as quickly as people do."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep


class DoubleClick(ElementStep):
    """A step of type `double_click`."""

    type: Literal["double_click"]
