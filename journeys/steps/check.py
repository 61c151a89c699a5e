"""`check`: tick a checkbox or choose a radio button."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep


class Check(ElementStep):
    """A step of type `check`."""

    type: Literal["check"]
