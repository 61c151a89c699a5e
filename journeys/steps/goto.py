"""`goto`: open a page, as by typing its address: `{"type": "goto", "url": "https://example.com/login"}`."""

from __future__ import annotations

from typing import ClassVar, Literal

from journeys.steps.base import PAGE_S, Step
from journeys.urls import StepUrl


class Goto(Step):
    """Opens `url`, absolute or relative to the journey's base."""

    default_timeout_s: ClassVar[float] = PAGE_S
    on_page: ClassVar[bool] = False
    subject: ClassVar[str] = "url"

    type: Literal["goto"]
    url: StepUrl
