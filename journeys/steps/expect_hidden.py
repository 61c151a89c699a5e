"""`expect_hidden`: an element is gone or not to be seen, now or within the step's timeout."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep


class ExpectHidden(ElementStep):
    """A step of type `expect_hidden`."""

    type: Literal["expect_hidden"]
