"""`expect_visible`: an element is there to be seen, now or within the step's timeout."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep


class ExpectVisible(ElementStep):
    """A step of type `expect_visible`."""

    type: Literal["expect_visible"]
