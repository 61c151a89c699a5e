"""`wait_for_url`: until the page's address fits a glob, `**/dashboard`: `*` stays within a part, `**` does not."""

from __future__ import annotations

from typing import ClassVar, Literal

from journeys.steps.base import PAGE_S, Step
from journeys.urls import UrlGlob


class WaitForUrl(Step):
    """Globs as Playwright has them; one that begins with / is relative to the journey's base."""

    default_timeout_s: ClassVar[float] = PAGE_S
    subject: ClassVar[str] = "url"

    type: Literal["wait_for_url"]
    url: UrlGlob
