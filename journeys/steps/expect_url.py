"""`expect_url`: the page's address fits."""

from __future__ import annotations

from typing import ClassVar, Literal

from journeys.steps.expectation import TextExpectation


class ExpectUrl(TextExpectation):
    """The whole address, query and fragment too."""

    subject: ClassVar[str] = "value"

    type: Literal["expect_url"]
