"""`uncheck`: clear a checkbox."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep


class Uncheck(ElementStep):
    """A step of type `uncheck`."""

    type: Literal["uncheck"]
