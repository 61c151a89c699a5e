"""`screenshot`: keep a picture of the page as it is now."""

from __future__ import annotations

from typing import ClassVar, Literal

from journeys.steps.base import Step


class Screenshot(Step):
    """What is visible of the page; fields that hold secrets are covered."""

    subject: ClassVar[str] = "name"

    type: Literal["screenshot"]
