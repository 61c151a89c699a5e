"""`expect_text`: an element's text, as it is seen, fits: `{"selector": "h1", "value": "Welcome"}`."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep
from journeys.steps.expectation import TextExpectation


class ExpectText(ElementStep, TextExpectation):
    """White space counts as the browser shows it: runs of it are one space."""

    type: Literal["expect_text"]
