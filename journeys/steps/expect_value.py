"""`expect_value`: what stands in a field fits."""

from __future__ import annotations

from typing import Literal

from journeys.steps.base import ElementStep
from journeys.steps.expectation import TextExpectation


class ExpectValue(ElementStep, TextExpectation):
    """Of an `<input>`, `<textarea>` or `<select>`."""

    type: Literal["expect_value"]
