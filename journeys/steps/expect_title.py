"""`expect_title`: the page's title fits."""

from __future__ import annotations

from typing import ClassVar, Literal

from journeys.steps.expectation import TextExpectation


class ExpectTitle(TextExpectation):
    """White space as the browser shows it."""

    subject: ClassVar[str] = "value"

    type: Literal["expect_title"]
